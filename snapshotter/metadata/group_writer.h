// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "snapshotter/metadata/database.h"
#include "snapshotter/metadata/transactions.h"

namespace lamina {

// Group commit. One thread owns the writing connection. While it commits, callers queue up; then
// it takes all of them into one transaction, each in a savepoint of its own so that a failing one
// undoes only itself, commits once, and wakes them. A lone caller waits for no one.
class GroupWriter {
  public:
    using Work = std::function<Status(WriteTransaction&)>;

    explicit GroupWriter(Database database);
    // Finishes what is queued.
    ~GroupWriter();

    // Runs `work` on the writing thread; see MetadataStore::write().
    Status run(const Work& work);

    [[nodiscard]] uint64_t commits() const { return commits_; }
    [[nodiscard]] size_t queued();

  private:
    struct Job { // lives on its caller's stack
        explicit Job(const Work& wanted) : work(wanted) {}

        const Work& work;
        Status result;
        SideEffects effects;
        // Each job has its own pair: with one for all, each commit would wake those too that
        // wait for the next one, and all of them would queue for one mutex.
        std::mutex mutex;
        std::condition_variable finished;
        bool done = false;

        void wait();
        void finish();
    };
    using Batch = std::vector<Job*>;

    void serve();
    Batch take_batch();
    void write(const Batch& batch);
    Status run_jobs(const Batch& batch);
    Status run_in_savepoint(Job& job); // an error is the whole batch's
    Status commit(const Batch& batch);
    void roll_back(const Batch& batch, const Error& reason);
    static void undo(Job& job);

    Database database_; // the writing thread's
    std::atomic<uint64_t> commits_ = 0;

    std::mutex mutex_;
    std::condition_variable queued_;
    Batch queue_;
    bool closing_ = false;

    std::thread thread_; // last: starts when the rest is there
};

} // namespace lamina
