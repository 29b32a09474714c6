// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/stage_time.h"
#include "unpacker/layer/leaf_engine.h"

namespace lamina {

struct WriterOptions {
    unsigned writers = 1;
    EngineKind engine = EngineKind::threads;
    Writeback writeback = Writeback::by_kernel;
};

// Threads that make leaves. Items for one writer are done in the order they were submitted, those
// of different writers in any: a file is one writer's from its beginning to its end.
//
// One thread submits. After an error, reported once through `on_error`, everything submitted is
// dropped, and submit() and await_all() return at once.
class WriterPool {
  public:
    WriterPool(const WriterOptions& options, std::function<void(Error)> on_error);
    ~WriterPool();
    WriterPool(const WriterPool&) = delete;
    WriterPool& operator=(const WriterPool&) = delete;

    [[nodiscard]] unsigned writers() const { return static_cast<unsigned>(lanes_.size()); }

    // Who should make the next leaf of a directory whose last one was made by `last`: the same, so
    // that two of them do not wait for the directory's lock (kernel,
    // Documentation/filesystems/directory-locking.rst), unless another has much less to do.
    [[nodiscard]] unsigned choose(unsigned last) const;

    void submit(unsigned writer, WriterItem item);

    // Hands over what submit() has gathered. To be called before the submitter waits for input: the
    // gathered items hold the buffers that the input has to come in.
    void flush();

    // Waits until everything submitted is on disk, as far as the kernel's caches go.
    Status await_all();

    // Drops what is not begun and lets the writers end. From any thread.
    void abort();

    // What the writers did; after await_all().
    struct Summary {
        LeafTally tally;
        StageTime time;
    };
    // Ends the writers. Once.
    [[nodiscard]] Summary finish();

    // How long submit() and await_all() have waited.
    [[nodiscard]] double waited_seconds() const;

  private:
    using Batch = std::vector<WriterItem>;
    struct Lane;

    void run(Lane& lane);
    Status make_batches(Lane& lane);
    void flush(Lane& lane);
    void note_done(uint64_t items);

    const WriterOptions options_;
    std::function<void(Error)> on_error_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    uint64_t submitted_ = 0;
    double awaited_seconds_ = 0;

    std::mutex mutex_;
    std::condition_variable progress_;
    uint64_t done_ = 0;
    bool is_aborted_ = false;
};

} // namespace lamina
