// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/piece_reader.h"

#include <span>
#include <utility>

#include "unpacker/base/limits.h"

namespace lamina {

PieceReader::PieceReader(ByteSource& source, Bytes front, const PieceFormat& format)
    : source_(source), format_(format), buffer_(std::move(front)) {}

Result<bool> PieceReader::read_more() {
    const size_t before = buffer_.size();
    buffer_.resize(before + limits::kBlobReadBytes);
    TRY_ASSIGN(const size_t got, source_.read(std::span(buffer_).subspan(before)));
    buffer_.resize(before + got);
    at_end_ = got == 0;
    return !at_end_;
}

Result<std::optional<Piece>> PieceReader::next() {
    size_t end = 0;
    size_t decoded_bytes_max = 0;
    while (end < limits::kPieceBytes) {
        const auto extent = format_.first(std::span(buffer_).subspan(end));
        if (extent &&
            decoded_bytes_max + extent->decoded_bytes_max > limits::kPieceDecodedBytesMax) {
            break;
        }
        if (extent) {
            end += extent->compressed_bytes;
            decoded_bytes_max += extent->decoded_bytes_max;
            continue;
        }
        if (at_end_ || buffer_.size() - end > limits::kPieceBytesMax) {
            break;
        }
        TRY(read_more());
    }
    if (end == 0) {
        return std::nullopt;
    }
    const auto middle = buffer_.begin() + static_cast<std::ptrdiff_t>(end);
    Piece piece{Bytes(buffer_.begin(), middle), decoded_bytes_max};
    buffer_.erase(buffer_.begin(), middle);
    return piece;
}

Bytes PieceReader::rest() {
    return std::exchange(buffer_, {});
}

} // namespace lamina
