// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <stop_token>
#include <utility>

#include "unpacker/base/result.h"

namespace lamina {

// Lets a bounded number of unpacks run at once, and decides who is next. Thread-safe; outlives its
// slots.
//
// Work that nobody waits for yet gets a place only when no Apply wants it. Of the Applies, the
// longest goes first, so that it does not run alone at the end; but of two places in a row at least
// one goes to the Apply that has waited longest, since containerd starts an image's Applies in the
// order in which it will commit them. An Apply that finds k others waiting is therefore among the
// next 2(k+1) Applies that get a place, however long those are that come after it.
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

    // Waits for a place for an Apply, whose blob's bytes tell how long it will take. canceled after
    // `stop`.
    [[nodiscard]] Result<Slot> take(uint64_t bytes, const std::stop_token& stop);

    // Waits until fewer than `busy` places are taken, for work that nobody waits for yet: with a
    // `busy` below the number of places, it leaves at least one to callers of take().
    [[nodiscard]] Result<Slot> take_spare(unsigned busy, const std::stop_token& stop);

    // How many wait for a place.
    [[nodiscard]] size_t waiting();
    // Of these, those for an Apply.
    [[nodiscard]] size_t applies_waiting();

  private:
    struct Waiter {
        uint64_t bytes = 0;
        unsigned below = 0; // goes on when fewer places are taken
        bool has_place = false;
    };
    using Queue = std::list<Waiter*>; // the oldest first

    Result<Slot> wait_in(Queue& queue, Waiter waiter, const std::stop_token& stop);
    void put_back();
    void give_out();
    Queue::iterator next_apply();

    const unsigned count_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    Queue applies_;
    Queue spares_;
    unsigned taken_ = 0;
    bool oldest_was_passed_ = false; // by the Apply that got the last place
};

} // namespace lamina
