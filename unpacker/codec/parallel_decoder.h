// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/byte_source.h"
#include "unpacker/codec/pieces.h"

namespace lamina {

// Decodes the pieces of a stream on several threads and gives out what they hold in order. Where
// the stream has no pieces, and where one turns out not to be a piece, a FrameDecoder goes on from
// front to end on the caller's thread, until a frame ends behind which there are pieces again. So
// bytes and errors are always those of the FrameDecoder alone: a border is believed only because
// the piece before it was decoded and ended there.
class ParallelDecoder final : public ByteSource {
  public:
    // With one thread there are no pieces. Threads are started when the first piece is found.
    ParallelDecoder(InputWindow input, std::unique_ptr<PieceFormat> format, unsigned threads,
                    const PieceBounds& bounds = {});
    ~ParallelDecoder() override;

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    using Task = std::packaged_task<Result<Bytes>()>;

    struct InFlight {
        std::shared_ptr<Piece> piece;
        std::future<Result<Bytes>> decoded;
    };

    void start_pieces();
    std::optional<Piece> next_piece();
    bool has_threads();
    bool take_decoded();
    void put_back_pieces();
    Result<size_t> read_on(std::span<std::byte> buffer);

    InputWindow input_;
    std::unique_ptr<PieceFormat> format_;
    const unsigned thread_count_;
    PieceReader pieces_;

    bool may_have_pieces_;
    std::deque<InFlight> in_flight_;
    Bytes current_;
    size_t given_out_ = 0;

    std::unique_ptr<FrameDecoder> front_to_end_;
    uint64_t decoded_twice_ = 0; // compressed bytes

    BoundedQueue<Task> tasks_;
    std::vector<std::jthread> threads_; // last: ends before what it uses
};

} // namespace lamina
