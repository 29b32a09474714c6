// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "snapshotter/core/layout.h"
#include "snapshotter/core/metadata_store.h"
#include "snapshotter/core/squash_options.h"
#include "snapshotter/core/staged_tree.h"
#include "snapshotter/core/trash.h"
#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/merge/write_tree.h"

namespace lamina {

// Makes the flat trees that the store says are wanted, one at a time, by a thread of its own, which
// holds no lock of anybody: see README.md, "Flat trees". Idle, unless somebody may wait for it. A
// tree that cannot be made is logged and forgotten. Thread-safe.
class FlatJobs {
  public:
    struct Parts { // all borrowed
        const Layout& layout;
        MetadataStore& store;
        Trash& trash;
        SquashOptions options;
        OverlayXattrs form = OverlayXattrs::trusted;
        std::function<Status(int fd)> sync; // makes a tree durable
        std::chrono::milliseconds rest;     // before a job is begun for which nobody waits
    };

    explicit FlatJobs(Parts parts) : parts_(std::move(parts)) {}
    // Stops soon; what is not finished stays wanted.
    ~FlatJobs();

    // Once, before all other calls: throws away what a crash left behind and takes up what is
    // wanted, or forgets it where squashing is switched off.
    Status resume();

    // The flat tree of `id` is wanted. It is begun after the rest, in which most snapshots get a
    // child, so that of an image's layers only the topmost one is flattened.
    void add(SnapshotId id);
    // It is not any more, so the store says already. Does not wait.
    void cancel(SnapshotId id);
    // Until the tree of `id` is finished, forgotten or canceled, or for kFlatTreeWait. Ends its
    // rest.
    void wait(SnapshotId id);

    [[nodiscard]] FlatTreeCounts counts();

  private:
    using Clock = std::chrono::steady_clock;
    struct Job {
        SnapshotId id = 0;
        Clock::time_point due; // when its rest ends
    };
    struct Chain;

    void serve();
    std::optional<SnapshotId> next_job(std::unique_lock<std::mutex>& lock);
    void make(SnapshotId id, const std::stop_token& stop);
    Status flatten(SnapshotId id, const std::stop_token& stop);
    Result<Chain> chain_of(SnapshotId id);
    void report(const Chain& chain, const TreeReport& tree, double seconds, double cpu_seconds);
    Result<bool> publish(SnapshotId id, const Chain& chain, StagedTree& tree);
    bool is_wanted(SnapshotId id);
    void forget(SnapshotId id);

    const Parts parts_;

    std::mutex mutex_; // for all below
    std::condition_variable changed_;
    std::vector<Job> waiting_; // in the order of add()
    std::optional<SnapshotId> running_;
    std::stop_source stop_; // of the running one
    FlatTreeCounts counts_;
    bool closing_ = false;
    std::thread thread_; // from the first job on
};

} // namespace lamina
