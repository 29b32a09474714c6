// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/writer_pool.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <utility>

#include "unpacker/base/limits.h"
#include "unpacker/base/log.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/layer/leaf_maker.h"

namespace lamina {
namespace {

// Items handed over at once: a hop between threads costs several microseconds, about as much as
// creating a small file, so each hop has to carry many. Large content goes at once.
constexpr size_t kBatchItems = 32;
constexpr uint64_t kBatchBytes = 256 * 1024;

// Making an empty file takes about as long as writing this much (README.md: 20 us, 0.3 ns per
// byte).
constexpr uint64_t kCreateCostBytes = 64 * 1024;

// How much more than another a writer may have to do: a batch of small files.
constexpr uint64_t kImbalanceBytes = kBatchItems * kCreateCostBytes;

uint64_t cost_of(const WriterItem& item) {
    uint64_t bytes = item.leaf ? kCreateCostBytes : 0;
    for (const ContentBlock& block : item.content) {
        bytes += block.slice.bytes.size();
    }
    return bytes;
}

uint64_t weight_of(const WriterItem& item) {
    uint64_t bytes = limits::kEntryWeightBytes;
    for (const ContentBlock& block : item.content) {
        bytes += block.slice.bytes.size() + sizeof block;
    }
    if (item.leaf) {
        bytes += item.leaf->name.size() + item.leaf->link_target.size();
        for (const auto& [name, value] : item.leaf->metadata.xattrs) {
            bytes += name.size() + value.size();
        }
    }
    return bytes;
}

} // namespace

struct WriterPool::Lane {
    BoundedQueue<Batch> queue{limits::kWriterQueueBytes};
    Batch filling; // the submitter's
    uint64_t filling_bytes = 0;
    uint64_t submitted_cost = 0; // the submitter's
    std::atomic<uint64_t> done_cost = 0;
    LeafTally tally;
    double seconds = 0; // of its thread
    std::thread thread;

    [[nodiscard]] uint64_t to_do() const { return submitted_cost - done_cost; }
};

WriterPool::WriterPool(const WriterOptions& options, std::function<void(Error)> on_error)
    : options_(options), on_error_(std::move(on_error)) {
    for (unsigned i = 0; i < options.writers; ++i) {
        lanes_.push_back(std::make_unique<Lane>());
    }
    try {
        for (auto& lane : lanes_) {
            lane->thread = std::thread([this, &lane = *lane] { run(lane); });
        }
    } catch (const std::system_error& error) { // too many threads: pthread_create(3), EAGAIN
        on_error_({ErrorCode::resource_exhausted, error.code().value(), "cannot start a writer"});
        abort();
    }
}

WriterPool::~WriterPool() {
    abort();
    for (auto& lane : lanes_) {
        if (lane->thread.joinable()) {
            lane->thread.join();
        }
    }
}

void WriterPool::run(Lane& lane) {
    const Stopwatch watch;
    if (auto made = make_batches(lane); !made) {
        // Reported before anybody can see the pool stopped, so that the cause is the first error.
        on_error_(made.error());
        abort();
    }
    lane.seconds = watch.seconds();
}

Status WriterPool::make_batches(Lane& lane) {
    TRY(use_private_umask());
    auto engine = make_engine(options_.engine, options_.writeback);
    if (!engine) {
        // It could be had when it was chosen, so something has changed since: go on without it.
        log::warn("files are made by threads, io_uring is not available any more",
                  {{"error", engine.error().message}});
        engine = make_engine(EngineKind::threads, options_.writeback);
    }
    while (auto batch = lane.queue.pop()) {
        const size_t items = batch->size();
        uint64_t cost = 0;
        for (const WriterItem& item : *batch) {
            cost += cost_of(item);
        }
        TRY((*engine)->make(*std::move(batch)));
        lane.done_cost += cost;
        lane.tally = (*engine)->tally();
        note_done(items);
    }
    return {};
}

unsigned WriterPool::choose(unsigned last) const {
    const auto idlest = std::ranges::min_element(
        lanes_, {}, [](const std::unique_ptr<Lane>& lane) { return lane->to_do(); });
    const bool is_far_behind = lanes_[last]->to_do() > (*idlest)->to_do() + kImbalanceBytes;
    return is_far_behind ? static_cast<unsigned>(idlest - lanes_.begin()) : last;
}

void WriterPool::submit(unsigned writer, WriterItem item) {
    Lane& lane = *lanes_[writer];
    ++submitted_;
    lane.submitted_cost += cost_of(item);
    lane.filling_bytes += weight_of(item);
    lane.filling.push_back(std::move(item));
    if (lane.filling.size() >= kBatchItems || lane.filling_bytes >= kBatchBytes) {
        flush(lane);
    }
}

void WriterPool::flush(Lane& lane) {
    if (!lane.filling.empty()) {
        lane.queue.push(std::exchange(lane.filling, {}), std::exchange(lane.filling_bytes, 0));
    }
}

void WriterPool::flush() {
    for (auto& lane : lanes_) {
        flush(*lane);
    }
}

void WriterPool::note_done(uint64_t items) {
    {
        std::lock_guard lock(mutex_);
        done_ += items;
    }
    progress_.notify_all();
}

Status WriterPool::await_all() {
    const Stopwatch watch;
    flush();
    std::unique_lock lock(mutex_);
    progress_.wait(lock, [&] { return is_aborted_ || done_ == submitted_; });
    awaited_seconds_ += watch.seconds();
    if (is_aborted_) {
        return fail(ErrorCode::canceled, "writers stopped");
    }
    return {};
}

void WriterPool::abort() {
    {
        std::lock_guard lock(mutex_);
        is_aborted_ = true;
    }
    progress_.notify_all();
    for (auto& lane : lanes_) {
        lane->queue.abort();
    }
}

WriterPool::Summary WriterPool::finish() {
    Summary summary;
    for (auto& lane : lanes_) {
        lane->queue.finish();
        if (lane->thread.joinable()) {
            lane->thread.join();
        }
        summary.tally.usage.inodes += lane->tally.usage.inodes;
        summary.tally.usage.size_bytes += lane->tally.usage.size_bytes;
        summary.tally.has_replaced |= lane->tally.has_replaced;
        const double waited = lane->queue.pop_waited_seconds();
        summary.time.busy += lane->seconds - waited;
        summary.time.awaiting_input += waited;
    }
    return summary;
}

double WriterPool::waited_seconds() const {
    double waited = awaited_seconds_;
    for (const auto& lane : lanes_) {
        waited += lane->queue.push_waited_seconds();
    }
    return waited;
}

} // namespace lamina
