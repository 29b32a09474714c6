// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/unpack_slots.h"

#include <algorithm>

namespace lamina {

Result<UnpackSlots::Slot> UnpackSlots::take(uint64_t bytes, const std::stop_token& stop) {
    return wait_in(applies_, {.bytes = bytes, .below = count_}, stop);
}

Result<UnpackSlots::Slot> UnpackSlots::take_spare(unsigned busy, const std::stop_token& stop) {
    return wait_in(spares_, {.below = busy}, stop);
}

size_t UnpackSlots::waiting() {
    const std::lock_guard lock(mutex_);
    return applies_.size() + spares_.size();
}

size_t UnpackSlots::applies_waiting() {
    const std::lock_guard lock(mutex_);
    return applies_.size();
}

Result<UnpackSlots::Slot> UnpackSlots::wait_in(Queue& queue, Waiter waiter,
                                               const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    queue.push_back(&waiter);
    give_out();
    if (!changed_.wait(lock, stop, [&] { return waiter.has_place; })) {
        std::erase(queue, &waiter);
        return fail(ErrorCode::canceled, "stopped while waiting for other unpacks");
    }
    return Slot(*this);
}

void UnpackSlots::put_back() {
    const std::lock_guard lock(mutex_);
    --taken_;
    give_out();
}

void UnpackSlots::give_out() {
    const auto give = [&](Queue& queue, Queue::iterator next) {
        (*next)->has_place = true;
        queue.erase(next);
        ++taken_;
        changed_.notify_all();
    };
    while (!applies_.empty() && taken_ < count_) {
        give(applies_, next_apply());
    }
    // Whoever is left above waits because all places are taken, so none of these is free then.
    while (!spares_.empty() && taken_ < spares_.front()->below) {
        give(spares_, spares_.begin());
    }
}

UnpackSlots::Queue::iterator UnpackSlots::next_apply() {
    const auto oldest = applies_.begin();
    const auto longest = std::ranges::max_element(
        applies_, {}, [](const Waiter* waiter) { return waiter->bytes; }); // the oldest of equals
    const auto next = oldest_was_passed_ ? oldest : longest;
    oldest_was_passed_ = next != oldest;
    return next;
}

} // namespace lamina
