// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/parallel_encoder.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "unpacker/base/limits.h"

namespace lamina {
namespace {

// Pieces that are being encoded or wait to be written, for each thread: one to work on and one to
// go on with.
constexpr size_t kPiecesPerThread = 2;

} // namespace

ParallelEncoder::ParallelEncoder(ByteSink& out, std::unique_ptr<PieceEncoder> encoder,
                                 unsigned threads)
    : out_(out), encoder_(std::move(encoder)), tasks_(threads * kPiecesPerThread) {
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
    }
}

ParallelEncoder::~ParallelEncoder() {
    tasks_.abort();
}

Status ParallelEncoder::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const size_t count = std::min(bytes.size(), limits::kEncodedPieceBytes - piece_.size());
        piece_.insert(piece_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
        bytes = bytes.subspan(count);
        if (piece_.size() == limits::kEncodedPieceBytes) {
            TRY(start_piece());
        }
    }
    return {};
}

Status ParallelEncoder::start_piece() {
    is_empty_ = false;
    Task task([this, piece = std::exchange(piece_, {})] { return encoder_->encode(piece); });
    piece_.reserve(limits::kEncodedPieceBytes);
    in_flight_.push_back(task.get_future());
    if (threads_.empty()) {
        task();
    } else {
        tasks_.push(std::move(task), 1);
    }
    return in_flight_.size() > threads_.size() * kPiecesPerThread ? write_first() : Status{};
}

Status ParallelEncoder::write_first() {
    TRY_ASSIGN(const Bytes encoded, in_flight_.front().get());
    in_flight_.pop_front();
    return out_.write(encoded);
}

Status ParallelEncoder::finish() {
    if (is_empty_ || !piece_.empty()) { // no bytes at all are a member of no bytes
        TRY(start_piece());
    }
    while (!in_flight_.empty()) {
        TRY(write_first());
    }
    return {};
}

} // namespace lamina
