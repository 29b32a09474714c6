// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/flat_jobs.h"

#include <algorithm>

#include "snapshotter/core/flatten_layers.h"
#include "snapshotter/core/idle_thread.h"
#include "snapshotter/core/limits.h"
#include "snapshotter/core/mount_plan.h"
#include "snapshotter/core/store_value.h"
#include "unpacker/base/log.h"
#include "unpacker/base/stopwatch.h"

namespace lamina {
namespace {

const std::string kFlatName = "flat"; // Layout::lower()

} // namespace

// The lower directories that a snapshot is shown by, its own files first.
struct FlatJobs::Chain {
    std::string name;
    std::vector<LowerTree> range;
    std::vector<LowerTree> base;

    [[nodiscard]] std::optional<SnapshotId> base_id() const {
        return base.empty() ? std::nullopt : std::optional(base.front().id);
    }
};

FlatJobs::~FlatJobs() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        stop_.request_stop();
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Status FlatJobs::resume() {
    TRY_ASSIGN(const auto wanted, read_value(parts_.store, [](ReadTransaction& transaction) {
                   return transaction.wanted_flat_trees();
               }));
    for (const SnapshotId id : wanted) {
        // Of a crash between the rename and the commit of publish().
        TRY_ASSIGN(const Fd snapshot,
                   open_directory_at(parts_.layout.snapshots(), std::to_string(id)));
        TRY(parts_.trash.take(snapshot.get(), kFlatName));
        if (parts_.options.mode == SquashMode::off) {
            forget(id);
        } else {
            add(id);
        }
    }
    return {};
}

void FlatJobs::add(SnapshotId id) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back({id, Clock::now() + parts_.rest});
        if (!thread_.joinable()) {
            thread_ = std::thread([this] { serve(); });
        }
    }
    changed_.notify_all();
}

void FlatJobs::cancel(SnapshotId id) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(waiting_, [&](const Job& job) { return job.id == id; });
        if (running_ == id) {
            stop_.request_stop();
        }
    }
    changed_.notify_all();
}

void FlatJobs::wait(SnapshotId id) {
    std::unique_lock lock(mutex_);
    if (const auto job = std::ranges::find(waiting_, id, &Job::id); job != waiting_.end()) {
        job->due = Clock::time_point::min();
        changed_.notify_all();
    }
    changed_.wait_for(lock, kFlatTreeWait, [&] {
        return running_ != id && std::ranges::find(waiting_, id, &Job::id) == waiting_.end();
    });
}

FlatTreeCounts FlatJobs::counts() {
    const std::lock_guard lock(mutex_);
    return counts_;
}

void FlatJobs::serve() {
    if (!parts_.options.wait) {
        become_idle();
    }
    std::unique_lock lock(mutex_);
    while (const auto id = next_job(lock)) {
        running_ = id;
        stop_ = {};
        const std::stop_token stop = stop_.get_token();
        lock.unlock();
        make(*id, stop);
        lock.lock();
        running_.reset();
        changed_.notify_all();
    }
}

// Waits for one whose rest has ended; none when there is nothing more to do.
std::optional<SnapshotId> FlatJobs::next_job(std::unique_lock<std::mutex>& lock) {
    while (!closing_) {
        const auto next = std::ranges::min_element(waiting_, {}, &Job::due);
        if (next == waiting_.end()) {
            changed_.wait(lock);
        } else if (next->due > Clock::now()) {
            const auto due = next->due; // the job may move, or go, meanwhile
            changed_.wait_until(lock, due);
        } else {
            const SnapshotId id = next->id;
            waiting_.erase(next);
            return id;
        }
    }
    return std::nullopt;
}

void FlatJobs::make(SnapshotId id, const std::stop_token& stop) {
    const auto made = flatten(id, stop);
    if (made || stop.stop_requested() || !is_wanted(id)) {
        return;
    }
    log::warn("cannot flatten a snapshot, its layers are mounted as they are",
              {{"id", id}, {"error", made.error().message}});
    forget(id);
    const std::lock_guard lock(mutex_);
    ++counts_.failed;
}

Status FlatJobs::flatten(SnapshotId id, const std::stop_token& stop) {
    const Stopwatch watch;
    const ThreadStopwatch cpu;
    TRY_ASSIGN(const Chain chain, chain_of(id));
    TRY_ASSIGN(StagedTree tree, StagedTree::make(parts_.layout, parts_.trash));
    const WriteOptions options{
        .leaves = parts_.options.backend, .form = parts_.form, .active_layers = {}};
    TRY_ASSIGN(const TreeReport written,
               flatten_layers(lower_paths(parts_.layout, chain.range),
                              lower_paths(parts_.layout, chain.base), tree.fd(), options, stop));
    // Whatever the layers themselves are: those may be on the disk since long, and one that is not
    // is unpacked anew after a power failure, which would leave the record of this tree.
    TRY(parts_.sync(tree.fd()));
    TRY_ASSIGN(const bool is_published, publish(id, chain, tree));
    if (is_published) {
        report(chain, written, watch.seconds(), cpu.seconds());
    }
    return {};
}

void FlatJobs::report(const Chain& chain, const TreeReport& tree, double seconds,
                      double cpu_seconds) {
    log::info("flattened", {{"name", chain.name},
                            {"layers", chain.range.size()},
                            {"base", chain.base.size()},
                            {"entries", tree.directories + tree.leaves + tree.whiteouts},
                            {"copied", tree.copied_inodes},
                            {"bytes", tree.own.size_bytes},
                            {"backend", name_of(parts_.options.backend)},
                            {"seconds", seconds},
                            {"cpu_seconds", cpu_seconds}});
    const std::lock_guard lock(mutex_);
    ++counts_.made;
    counts_.bytes += tree.own.size_bytes;
}

// False: the snapshot has a child or is gone, and the tree comes too late.
Result<bool> FlatJobs::publish(SnapshotId id, const Chain& chain, StagedTree& tree) {
    TRY_ASSIGN(const Fd snapshot, open_directory_at(parts_.layout.snapshots(), std::to_string(id)));
    bool is_late = false;
    const auto written = parts_.store.write([&](WriteTransaction& transaction) -> Status {
        const auto finished = transaction.finish_flat_tree(id, chain.base_id());
        is_late = !finished && finished.error().code == ErrorCode::failed_precondition;
        TRY(finished);
        TRY(tree.publish(snapshot.get(), kFlatName));
        transaction.on_rollback([&] { tree.withdraw(snapshot.get(), kFlatName); });
        transaction.sync_before_commit(snapshot.get());
        return {};
    });
    if (is_late) {
        return false;
    }
    TRY(written);
    return true;
}

// Settled since the snapshot has been committed: lowers() of one that has a parent never changes.
Result<FlatJobs::Chain> FlatJobs::chain_of(SnapshotId id) {
    return read_value(parts_.store, [&](ReadTransaction& transaction) -> Result<Chain> {
        TRY_ASSIGN(const auto record, transaction.get_by_id(id));
        TRY_ASSIGN(auto lowers, transaction.lowers(id));
        lowers.insert(lowers.begin(), LowerTree{.id = id});
        if (lowers.size() < 2) { // is_deep_enough()
            return fail(ErrorCode::internal, "the snapshot has no parent");
        }
        // At least two become one, also when another configuration, with another base, wanted it.
        const size_t kept = std::min<size_t>(parts_.options.keep_base, lowers.size() - 2);
        const auto base = lowers.end() - static_cast<long>(kept);
        return Chain{record.info.name, {lowers.begin(), base}, {base, lowers.end()}};
    });
}

// Who removes a snapshot, or settles what it is shown by, says so to the store first and then here:
// what the tree would have been made of may be gone already.
bool FlatJobs::is_wanted(SnapshotId id) {
    const auto wanted = read_value(
        parts_.store, [](ReadTransaction& transaction) { return transaction.wanted_flat_trees(); });
    return !wanted || std::ranges::find(*wanted, id) != wanted->end();
}

void FlatJobs::forget(SnapshotId id) {
    const auto forgotten = parts_.store.write(
        [&](WriteTransaction& transaction) { return transaction.forget_flat_tree(id); });
    if (!forgotten) {
        log::warn("a flat tree stays wanted until the next start",
                  {{"id", id}, {"error", forgotten.error().message}});
    }
}

} // namespace lamina
