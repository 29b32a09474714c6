// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "snapshotter/core/metadata_store.h"

namespace lamina {

// One user at a time for each upper directory: an Apply that writes into it, a commit() or a
// remove(). Thread-safe.
class UpperLocks {
  public:
    // Released by its destructor. Must not outlive its UpperLocks.
    class Lock {
      public:
        Lock(Lock&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_),
              stop_(std::move(other.stop_)) {}
        Lock& operator=(Lock&&) = delete;
        ~Lock();

        [[nodiscard]] SnapshotId id() const { return id_; }
        // Stop is requested when somebody interrupts this lock.
        [[nodiscard]] const std::stop_token& stop_token() const { return stop_; }

      private:
        friend class UpperLocks;
        Lock(UpperLocks* owner, SnapshotId id, std::stop_token stop)
            : owner_(owner), id_(id), stop_(std::move(stop)) {}

        UpperLocks* owner_;
        SnapshotId id_;
        std::stop_token stop_;
    };

    // Nothing when it is in use.
    std::optional<Lock> try_lock(SnapshotId id);
    // Waits.
    Lock lock(SnapshotId id);
    // Asks the present user to stop, and waits.
    Lock interrupt_and_lock(SnapshotId id);

  private:
    void unlock(SnapshotId id);

    std::mutex mutex_;
    std::condition_variable released_;
    std::map<SnapshotId, std::stop_source> users_;
};

} // namespace lamina
