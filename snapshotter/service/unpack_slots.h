// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "unpacker/base/result.h"

namespace lamina {

// Lets a bounded number of unpacks run at once; the others queue. Thread-safe; outlives its slots.
class UnpackSlots {
  public:
    // Frees its place at the end of its life.
    class Slot {
      public:
        explicit Slot(UnpackSlots& slots) : slots_(&slots) {}
        Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
        Slot& operator=(Slot&&) = delete;
        ~Slot() {
            if (slots_ != nullptr) {
                slots_->put_back();
            }
        }

      private:
        UnpackSlots* slots_;
    };

    explicit UnpackSlots(unsigned count) : count_(count) {}

    // Waits for a place. canceled after `stop`.
    [[nodiscard]] Result<Slot> take(const std::stop_token& stop) { return take(stop, count_); }

    // Waits until fewer than `busy` places are taken, for work that nobody waits for yet: with a
    // `busy` below the number of places, it leaves at least one to callers of take().
    [[nodiscard]] Result<Slot> take_spare(const std::stop_token& stop, unsigned busy) {
        return take(stop, busy);
    }

  private:
    Result<Slot> take(const std::stop_token& stop, unsigned below) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return taken_ < below; })) {
            return fail(ErrorCode::canceled, "stopped while waiting for other unpacks");
        }
        ++taken_;
        return Slot(*this);
    }

    void put_back() {
        {
            std::lock_guard lock(mutex_);
            --taken_;
        }
        changed_.notify_all(); // those who wait do not wait for the same
    }

    const unsigned count_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    unsigned taken_ = 0;
};

} // namespace lamina
