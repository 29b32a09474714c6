// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "unpacker/base/stopwatch.h"

namespace lamina {

// A queue between two stages, bounded by the sum of its items' weights (bytes, here).
//
// push() waits while the queue is full; an item heavier than the bound is let in when the queue is
// empty. finish() lets consumers drain what is there and then see the end; abort() drops it and
// wakes everybody at once. Both may be called by any thread, more than once. Thread-safe, any
// number of producers and consumers.
template <class T>
class BoundedQueue {
  public:
    explicit BoundedQueue(uint64_t capacity) : capacity_(capacity) {}

    // False when the queue was finished or aborted: the item is dropped.
    bool push(T item, uint64_t weight) {
        std::unique_lock lock(mutex_);
        wait(lock, space_, push_waited_seconds_,
             [&] { return closed_ || used_ == 0 || used_ + weight <= capacity_; });
        if (closed_) {
            return false;
        }
        used_ += weight;
        items_.emplace_back(std::move(item), weight);
        lock.unlock();
        filled_.notify_one();
        return true;
    }

    // Nothing when the queue is finished and empty, or aborted.
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        wait(lock, filled_, pop_waited_seconds_, [&] { return closed_ || !items_.empty(); });
        return take_first(lock);
    }

    // Same without waiting: nothing also when there is nothing just now.
    std::optional<T> try_pop() {
        std::unique_lock lock(mutex_);
        return take_first(lock);
    }

    void finish() { close(Leftovers::keep); }
    void abort() { close(Leftovers::drop); }

    // How long producers, and consumers, have waited in sum.
    [[nodiscard]] double push_waited_seconds() const {
        std::lock_guard lock(mutex_);
        return push_waited_seconds_;
    }
    [[nodiscard]] double pop_waited_seconds() const {
        std::lock_guard lock(mutex_);
        return pop_waited_seconds_;
    }

  private:
    std::optional<T> take_first(std::unique_lock<std::mutex>& lock) {
        if (items_.empty()) {
            return std::nullopt;
        }
        auto [item, weight] = std::move(items_.front());
        items_.pop_front();
        used_ -= weight;
        lock.unlock();
        space_.notify_all();
        return std::move(item);
    }

    template <class Ready>
    static void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                     double& waited_seconds, const Ready& ready) {
        if (!ready()) { // the clock is read only when there is something to measure
            const Stopwatch watch;
            condition.wait(lock, ready);
            waited_seconds += watch.seconds();
        }
    }

    enum class Leftovers { keep, drop };

    void close(Leftovers leftovers) {
        std::deque<std::pair<T, uint64_t>> dropped; // destroyed outside the lock
        {
            std::lock_guard lock(mutex_);
            closed_ = true;
            if (leftovers == Leftovers::drop) {
                dropped.swap(items_);
                used_ = 0;
            }
        }
        filled_.notify_all();
        space_.notify_all();
    }

    const uint64_t capacity_;
    mutable std::mutex mutex_;
    std::condition_variable space_;
    std::condition_variable filled_;
    std::deque<std::pair<T, uint64_t>> items_;
    uint64_t used_ = 0;
    double push_waited_seconds_ = 0;
    double pop_waited_seconds_ = 0;
    bool closed_ = false;
};

} // namespace lamina
