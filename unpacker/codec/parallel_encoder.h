// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/byte_sink.h"
#include "unpacker/codec/piece_encoder.h"

namespace lamina {

// Cuts a stream into pieces of one size, encodes them on several threads, and writes what they
// become in order, on the caller's thread.
class ParallelEncoder final : public ByteSink {
  public:
    ParallelEncoder(ByteSink& out, std::unique_ptr<PieceEncoder> encoder, unsigned threads);
    ~ParallelEncoder() override;

    Status write(std::span<const std::byte> bytes) override;
    Status finish() override;

  private:
    using Task = std::packaged_task<Result<Bytes>()>;

    Status start_piece();
    Status write_first();

    ByteSink& out_;
    std::unique_ptr<PieceEncoder> encoder_;
    Bytes piece_;
    bool is_empty_ = true; // nothing has been encoded yet
    std::deque<std::future<Result<Bytes>>> in_flight_;
    BoundedQueue<Task> tasks_;
    std::vector<std::jthread> threads_; // last: ends before what it uses
};

} // namespace lamina
