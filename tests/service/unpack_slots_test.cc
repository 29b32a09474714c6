// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/unpack_slots.h"
#include "unpacker/base/synchronized.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;

// One place, taken by the test. Those who wait write down their name when they get it, and give it
// to the next one at once.
class UnpackSlotsOrder : public ::testing::Test {
  protected:
    void apply(const std::string& name, uint64_t bytes, std::function<void()> then = {}) {
        wait(name, [=, this] { return slots_.take(bytes, stop_.get_token()); }, std::move(then));
    }
    void spare(const std::string& name) {
        wait(name, [this] { return slots_.take_spare(1, {}); }, {});
    }

    std::vector<std::string> order() {
        place_.reset();
        // A thread adds others before it ends.
        for (auto thread = first_thread(); thread; thread = first_thread()) {
            thread->join();
        }
        return *names_.lock();
    }

    UnpackSlots slots_{1};
    std::stop_source stop_; // of Applies

  private:
    void wait(const std::string& name, std::function<Result<UnpackSlots::Slot>()> take,
              std::function<void()> then) {
        const size_t before = slots_.waiting();
        threads_.lock()->emplace_back([=, this] {
            const auto slot = take();
            if (!slot) {
                return;
            }
            names_.lock()->push_back(name);
            if (then) {
                then();
            }
        });
        while (slots_.waiting() == before) {
            std::this_thread::yield();
        }
    }

    std::optional<std::thread> first_thread() {
        auto threads = threads_.lock();
        if (threads->empty()) {
            return std::nullopt;
        }
        std::optional thread(std::move(threads->front()));
        threads->pop_front();
        return thread;
    }

    Synchronized<std::vector<std::string>> names_;
    std::optional<UnpackSlots::Slot> place_ = *slots_.take(0, {});
    Synchronized<std::list<std::thread>> threads_;
};

TEST_F(UnpackSlotsOrder, LongestAndOldestApplyTakeTurns) {
    apply("1 MB", 1);
    apply("5 MB", 5);
    apply("2 MB", 2);
    apply("9 MB", 9);
    apply("3 MB", 3);
    EXPECT_THAT(order(), ElementsAre("9 MB", "1 MB", "5 MB", "3 MB", "2 MB"));
}

TEST_F(UnpackSlotsOrder, EqualAppliesGoAsTheyCame) {
    for (const char* name : {"first", "second", "third"}) {
        apply(name, 7);
    }
    EXPECT_THAT(order(), ElementsAre("first", "second", "third"));
}

TEST_F(UnpackSlotsOrder, OldestApplyIsPassedOnceHoweverManyLongerOnesCome) {
    apply("oldest", 1);
    apply("long", 10, [this] {
        apply("longer", 20);
        apply("longest", 30);
    });
    EXPECT_THAT(order(), ElementsAre("long", "oldest", "longest", "longer"));
}

TEST_F(UnpackSlotsOrder, ApplyGoesBeforeWorkThatNobodyWaitsFor) {
    spare("spare");
    apply("short", 1);
    apply("long", 2);
    EXPECT_EQ(slots_.waiting(), 3u);
    EXPECT_EQ(slots_.applies_waiting(), 2u);
    EXPECT_THAT(order(), ElementsAre("long", "short", "spare"));
}

TEST_F(UnpackSlotsOrder, ApplyThatGivesUpIsPassedOver) {
    apply("gives up", 9);
    stop_.request_stop();
    while (slots_.waiting() != 0) {
        std::this_thread::yield();
    }
    stop_ = {};
    apply("stays", 1);
    EXPECT_THAT(order(), ElementsAre("stays"));
}

TEST(UnpackSlots, SpareWorkLeavesAPlaceToCallers) {
    UnpackSlots slots(2);
    const auto spare = slots.take_spare(1, {});
    ASSERT_TRUE(spare);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(slots.take_spare(1, stop.get_token()));
    EXPECT_TRUE(slots.take(5, stop.get_token())) << "there is a place without waiting";
}

} // namespace
} // namespace lamina
