// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "unpacker/base/bounded_queue.h"

namespace lamina {
namespace {

TEST(BoundedQueue, GivesItemsInTheOrderTheyCame) {
    BoundedQueue<int> queue(100);
    EXPECT_TRUE(queue.push(1, 10));
    EXPECT_TRUE(queue.push(2, 10));
    EXPECT_EQ(queue.pop(), 1);
    EXPECT_EQ(queue.pop(), 2);
}

TEST(BoundedQueue, LetsInAnItemHeavierThanItsBoundWhenEmpty) {
    BoundedQueue<int> queue(1);
    EXPECT_TRUE(queue.push(7, 1000));
    EXPECT_EQ(queue.pop(), 7);
}

TEST(BoundedQueue, FullQueueHoldsItsProducerUntilThereIsSpace) {
    BoundedQueue<int> queue(10);
    ASSERT_TRUE(queue.push(1, 10));
    std::atomic<bool> is_popped = false;
    bool pushed_after_pop = false;
    std::jthread producer([&] {
        const bool pushed = queue.push(2, 1);
        pushed_after_pop = pushed && is_popped;
    });
    is_popped = true; // before pop(), so that the producer sees it whenever it wakes
    EXPECT_EQ(queue.pop(), 1);
    EXPECT_EQ(queue.pop(), 2);
    producer.join();
    EXPECT_TRUE(pushed_after_pop);
}

TEST(BoundedQueue, FinishedQueueDrainsAndThenEnds) {
    BoundedQueue<int> queue(10);
    ASSERT_TRUE(queue.push(1, 1));
    queue.finish();
    EXPECT_FALSE(queue.push(2, 1));
    EXPECT_EQ(queue.pop(), 1);
    EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, AbortedQueueDropsWhatItHolds) {
    BoundedQueue<std::shared_ptr<int>> queue(10);
    auto item = std::make_shared<int>(1);
    ASSERT_TRUE(queue.push(item, 1));
    queue.abort();
    queue.abort();
    EXPECT_EQ(item.use_count(), 1);
    EXPECT_EQ(queue.pop(), std::nullopt);
    EXPECT_FALSE(queue.push(item, 1));
}

TEST(BoundedQueue, AbortWakesAWaitingProducerAndAWaitingConsumer) {
    BoundedQueue<int> full(1);
    BoundedQueue<int> empty(1);
    ASSERT_TRUE(full.push(1, 1));
    std::jthread producer([&] { EXPECT_FALSE(full.push(2, 1)); });
    std::jthread consumer([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
    full.abort();
    empty.abort();
}

TEST(BoundedQueue, ManyProducersAndConsumersLoseAndRepeatNothing) {
    constexpr int kThreads = 4;
    constexpr int kItems = 5000;
    BoundedQueue<int> queue(16);
    std::atomic<long> sum = 0;
    std::atomic<int> count = 0;
    std::vector<std::jthread> consumers;
    for (int i = 0; i < kThreads; ++i) {
        consumers.emplace_back([&] {
            while (auto item = queue.pop()) {
                sum += *item;
                ++count;
            }
        });
    }
    {
        std::vector<std::jthread> producers;
        for (int i = 0; i < kThreads; ++i) {
            producers.emplace_back([&] {
                for (int item = 1; item <= kItems; ++item) {
                    ASSERT_TRUE(queue.push(item, static_cast<uint64_t>(item % 7)));
                }
            });
        }
    }
    queue.finish();
    consumers.clear();
    EXPECT_EQ(count, kThreads * kItems);
    EXPECT_EQ(sum, long{kThreads} * kItems * (kItems + 1) / 2);
}

} // namespace
} // namespace lamina
