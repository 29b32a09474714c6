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

// At most this part of a stream is decoded twice because what looked like pieces was none: enough
// for the chance likeness among real pieces, not enough for a stream that is made to mislead.
constexpr uint64_t kDecodedTwiceShare = 8;

} // namespace

ParallelDecoder::ParallelDecoder(InputWindow input, std::unique_ptr<PieceFormat> format,
                                 unsigned threads, const PieceBounds& bounds)
    : input_(std::move(input)), format_(std::move(format)), thread_count_(threads),
      pieces_(*format_, bounds), may_have_pieces_(threads > 1), front_to_end_(format_->open()),
      tasks_(threads * kPiecesPerThread) {}

ParallelDecoder::~ParallelDecoder() {
    tasks_.abort();
}

bool ParallelDecoder::has_threads() {
    const auto run = [this] {
        while (auto task = tasks_.pop()) {
            (*task)();
        }
    };
    try {
        while (threads_.size() < thread_count_) {
            threads_.emplace_back(run);
        }
    } catch (const std::system_error&) { // too many threads: do with those there are
        return !threads_.empty();
    }
    return true;
}

// Nothing also for a piece that would be decoded alone: then threads do not help.
std::optional<Piece> ParallelDecoder::next_piece() {
    auto piece = pieces_.next(input_);
    if (!piece || !in_flight_.empty()) {
        return piece;
    }
    const bool is_last = input_.bytes().empty() && !input_.grow();
    if (is_last || !has_threads()) {
        input_.put_back(piece->compressed);
        return std::nullopt;
    }
    return piece;
}

void ParallelDecoder::start_pieces() {
    while (may_have_pieces_ && in_flight_.size() < thread_count_ * kPiecesPerThread) {
        auto next = next_piece();
        may_have_pieces_ = next.has_value();
        if (next) {
            const auto piece = std::make_shared<Piece>(*std::move(next));
            Task task([this, piece] { return format_->decode(*piece); });
            in_flight_.push_back({piece, task.get_future()});
            tasks_.push(std::move(task), 1);
        }
    }
}

// False when what comes next has to be decoded from front to end.
bool ParallelDecoder::take_decoded() {
    start_pieces();
    if (in_flight_.empty()) {
        return false;
    }
    auto decoded = in_flight_.front().decoded.get();
    if (!decoded) {
        put_back_pieces();
        return false;
    }
    in_flight_.pop_front();
    current_ = *std::move(decoded);
    given_out_ = 0;
    return true;
}

void ParallelDecoder::put_back_pieces() {
    while (tasks_.try_pop()) { // nobody waits for these any more
    }
    Bytes compressed;
    for (const InFlight& each : in_flight_) {
        const Bytes& bytes = each.piece->compressed;
        compressed.insert(compressed.end(), bytes.begin(), bytes.end());
    }
    in_flight_.clear();
    input_.put_back(compressed);
    decoded_twice_ += compressed.size();
    may_have_pieces_ = false;
}

Result<size_t> ParallelDecoder::read_on(std::span<std::byte> buffer) {
    TRY_ASSIGN(const size_t got, front_to_end_->read(input_, buffer));
    may_have_pieces_ = thread_count_ > 1 && front_to_end_->between_frames() &&
                       decoded_twice_ * kDecodedTwiceShare <= input_.taken();
    return got;
}

Result<size_t> ParallelDecoder::read(std::span<std::byte> buffer) {
    while (given_out_ == current_.size()) {
        if (!take_decoded()) {
            return read_on(buffer);
        }
    }
    const size_t count = std::min(buffer.size(), current_.size() - given_out_);
    std::memcpy(buffer.data(), current_.data() + given_out_, count);
    given_out_ += count;
    return count;
}

} // namespace lamina
