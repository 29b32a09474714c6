// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/byte_source.h"
#include "unpacker/codec/piece_reader.h"

namespace lamina {

// Decodes the pieces of a stream on several threads and gives out what they hold in order. Where
// the stream has no pieces (any more), the rest goes through a decoder made by `open_rest`, on the
// caller's thread.
class ParallelDecoder final : public ByteSource {
  public:
    // Makes the decoder of everything from `front` on, which continues in `source`.
    using OpenRest = std::function<std::unique_ptr<ByteSource>(ByteSource& source, Bytes front)>;

    ParallelDecoder(ByteSource& source, Bytes front, std::unique_ptr<PieceFormat> format,
                    unsigned threads, OpenRest open_rest);
    ~ParallelDecoder() override;

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    using Task = std::packaged_task<Result<Bytes>()>;

    Status start_more();
    Result<bool> take_next();

    ByteSource& source_;
    std::unique_ptr<PieceFormat> format_;
    PieceReader pieces_;
    OpenRest open_rest_;
    bool has_pieces_ = true;
    std::unique_ptr<ByteSource> rest_;

    Bytes current_;
    size_t used_ = 0;
    std::deque<std::future<Result<Bytes>>> in_flight_;
    BoundedQueue<Task> tasks_;
    std::vector<std::jthread> threads_; // last: ends before what it uses
};

} // namespace lamina
