// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/group_writer.h"

#include <algorithm>
#include <set>

#include <unistd.h>

namespace lamina {

GroupWriter::GroupWriter(Database database)
    : database_(std::move(database)), thread_([this] { serve(); }) {}

GroupWriter::~GroupWriter() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    queued_.notify_one();
    thread_.join();
}

Status GroupWriter::run(const Work& work) {
    Job job(work);
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(&job);
    }
    queued_.notify_one();
    job.wait();
    return std::move(job.result);
}

void GroupWriter::Job::wait() {
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return done; });
}

// Notifies under the lock: the caller may destroy the job as soon as it sees it done.
void GroupWriter::Job::finish() {
    const std::lock_guard lock(mutex);
    done = true;
    finished.notify_one();
}

size_t GroupWriter::queued() {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

GroupWriter::Batch GroupWriter::take_batch() {
    std::unique_lock lock(mutex_);
    queued_.wait(lock, [&] { return closing_ || !queue_.empty(); });
    return std::exchange(queue_, {});
}

void GroupWriter::serve() {
    while (true) {
        const Batch batch = take_batch();
        if (batch.empty()) {
            return; // closing
        }
        write(batch);
        for (Job* job : batch) {
            job->finish();
        }
    }
}

void GroupWriter::write(const Batch& batch) {
    auto done = run_jobs(batch);
    if (done) {
        done = commit(batch);
    }
    if (!done) {
        roll_back(batch, done.error());
    }
}

Status GroupWriter::run_jobs(const Batch& batch) {
    TRY(database_.execute("BEGIN IMMEDIATE"));
    for (Job* job : batch) {
        TRY(run_in_savepoint(*job));
    }
    return {};
}

Status GroupWriter::run_in_savepoint(Job& job) {
    TRY(database_.execute("SAVEPOINT job"));
    SqliteWriteTransaction transaction(database_, job.effects);
    job.result = job.work(transaction);
    if (!database_.in_transaction()) { // full or broken disk: SQLite undid all of it
        return fail(job.result ? Error{ErrorCode::internal, 0, "transaction was rolled back"}
                               : job.result.error());
    }
    if (!job.result) {
        undo(job);
        TRY(database_.execute("ROLLBACK TO job")); // else the next commit keeps half of its work
    }
    return database_.execute("RELEASE job");
}

Status GroupWriter::commit(const Batch& batch) {
    if (std::none_of(batch.begin(), batch.end(),
                     [](Job* job) { return job->result.has_value(); })) {
        return database_.execute("ROLLBACK"); // nothing to keep: no fsync
    }
    std::set<int> directories;
    for (Job* job : batch) {
        directories.insert(job->effects.directories.begin(), job->effects.directories.end());
    }
    for (const int directory : directories) {
        if (::fsync(directory) != 0) {
            return fail(errno_error("fsync", "directory of snapshots"));
        }
    }
    TRY(database_.execute("COMMIT"));
    ++commits_;
    return {};
}

void GroupWriter::roll_back(const Batch& batch, const Error& reason) {
    if (database_.in_transaction()) {
        // Fails only with an error that rolled back already.
        (void)database_.execute("ROLLBACK");
    }
    for (auto job = batch.rbegin(); job != batch.rend(); ++job) {
        undo(**job);
        if ((*job)->result) {
            (*job)->result = fail(with_context("metadata.db", reason));
        }
    }
}

void GroupWriter::undo(Job& job) {
    for (auto step = job.effects.undo.rbegin(); step != job.effects.undo.rend(); ++step) {
        (*step)();
    }
    job.effects = {};
}

} // namespace lamina
