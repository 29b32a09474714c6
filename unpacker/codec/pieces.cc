// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/pieces.h"

namespace lamina {

std::optional<Piece> PieceReader::next(InputWindow& input) {
    if (input.taken() < look_again_at_) {
        return std::nullopt;
    }
    size_t end = 0;
    size_t decoded_bytes_max = 0;
    while (end < bounds_.bytes) {
        const auto rest = input.bytes().subspan(end);
        const auto extent = format_.first(rest);
        if (!extent && rest.size() < bounds_.bytes_max && input.grow()) {
            continue;
        }
        if (!extent || extent->compressed_bytes > bounds_.bytes_max ||
            extent->decoded_bytes_max > bounds_.decoded_bytes_max - decoded_bytes_max) {
            if (end == 0) {
                look_again_at_ = input.taken() + (extent ? extent->compressed_bytes : rest.size());
            }
            break;
        }
        end += extent->compressed_bytes;
        decoded_bytes_max += extent->decoded_bytes_max;
    }
    if (end == 0) {
        return std::nullopt;
    }
    const auto front = input.bytes().first(end);
    Piece piece{Bytes(front.begin(), front.end()), decoded_bytes_max};
    input.take(end);
    return piece;
}

} // namespace lamina
