// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>

namespace lamina {

// Data that lives inside its lock: there is no way to touch it unlocked.
//
//   Synchronized<std::set<int>> busy;
//   busy.lock()->insert(3);
//
// A Locked value may also be handed to std::condition_variable through unique_lock().
template <class T>
class Synchronized {
  public:
    class Locked {
      public:
        explicit Locked(Synchronized& owner) : lock_(owner.mutex_), value_(&owner.value_) {}
        T* operator->() { return value_; }
        T& operator*() { return *value_; }
        std::unique_lock<std::mutex>& unique_lock() { return lock_; }

      private:
        std::unique_lock<std::mutex> lock_;
        T* value_;
    };

    Synchronized() = default;
    explicit Synchronized(T value) : value_(std::move(value)) {}

    [[nodiscard]] Locked lock() { return Locked(*this); }

  private:
    std::mutex mutex_;
    T value_{};
};

} // namespace lamina
