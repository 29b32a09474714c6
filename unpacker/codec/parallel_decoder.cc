// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/parallel_decoder.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

namespace lamina {
namespace {

// Pieces that are being decoded or wait to be given out, for each thread: one to work on and one to
// go on with.
constexpr size_t kPiecesPerThread = 2;

} // namespace

ParallelDecoder::ParallelDecoder(ByteSource& source, Bytes front,
                                 std::unique_ptr<PieceFormat> format, unsigned threads,
                                 OpenRest open_rest)
    : source_(source), format_(std::move(format)), pieces_(source, std::move(front), *format_),
      open_rest_(std::move(open_rest)), tasks_(threads * kPiecesPerThread) {
    const auto run = [this] {
        while (auto task = tasks_.pop()) {
            (*task)();
        }
    };
    try {
        for (unsigned i = 0; i < threads; ++i) {
            threads_.emplace_back(run);
        }
    } catch (const std::system_error&) { // too many threads: do with those there are
        has_pieces_ = !threads_.empty();
    }
}

ParallelDecoder::~ParallelDecoder() {
    tasks_.abort();
}

Status ParallelDecoder::start_more() {
    while (has_pieces_ && in_flight_.size() < threads_.size() * kPiecesPerThread) {
        TRY_ASSIGN(auto piece, pieces_.next());
        has_pieces_ = piece.has_value();
        if (piece) {
            Task task([this, held = *std::move(piece)] { return format_->decode(held); });
            in_flight_.push_back(task.get_future());
            tasks_.push(std::move(task), 1);
        }
    }
    return {};
}

// False when all pieces have been given out.
Result<bool> ParallelDecoder::take_next() {
    TRY(start_more());
    if (in_flight_.empty()) {
        return false;
    }
    TRY_ASSIGN(current_, in_flight_.front().get());
    in_flight_.pop_front();
    used_ = 0;
    return true;
}

Result<size_t> ParallelDecoder::read(std::span<std::byte> buffer) {
    while (rest_ == nullptr && used_ == current_.size()) {
        TRY_ASSIGN(const bool more, take_next());
        if (!more) {
            rest_ = open_rest_(source_, pieces_.rest());
        }
    }
    if (rest_ != nullptr) {
        return rest_->read(buffer);
    }
    const size_t count = std::min(buffer.size(), current_.size() - used_);
    std::memcpy(buffer.data(), current_.data() + used_, count);
    used_ += count;
    return count;
}

} // namespace lamina
