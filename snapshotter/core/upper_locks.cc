// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/upper_locks.h"

namespace lamina {

UpperLocks::Lock::~Lock() {
    if (owner_ != nullptr) {
        owner_->unlock(id_);
    }
}

std::optional<UpperLocks::Lock> UpperLocks::try_lock(SnapshotId id) {
    const std::lock_guard lock(mutex_);
    const auto [user, added] = users_.try_emplace(id);
    if (!added) {
        return std::nullopt;
    }
    return Lock(this, id, user->second.get_token());
}

UpperLocks::Lock UpperLocks::lock(SnapshotId id) {
    std::unique_lock lock(mutex_);
    released_.wait(lock, [&] { return !users_.contains(id); });
    return Lock(this, id, users_[id].get_token());
}

UpperLocks::Lock UpperLocks::interrupt_and_lock(SnapshotId id) {
    std::unique_lock lock(mutex_);
    // Again for each user: another one may come before this thread wakes.
    for (auto user = users_.find(id); user != users_.end(); user = users_.find(id)) {
        std::stop_source stop = user->second;
        lock.unlock(); // callbacks of the token run here
        stop.request_stop();
        lock.lock();
        released_.wait(lock, [&] {
            const auto now = users_.find(id);
            return now == users_.end() || now->second != stop;
        });
    }
    return Lock(this, id, users_[id].get_token());
}

void UpperLocks::unlock(SnapshotId id) {
    {
        const std::lock_guard lock(mutex_);
        users_.erase(id);
    }
    released_.notify_all();
}

} // namespace lamina
