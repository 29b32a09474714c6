// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "snapshotter/core/upper_locks.h"

namespace lamina {
namespace {

TEST(UpperLocks, OneUserAtATime) {
    UpperLocks locks;
    auto first = locks.try_lock(1);
    ASSERT_TRUE(first);
    EXPECT_FALSE(locks.try_lock(1));
    EXPECT_TRUE(locks.try_lock(2));
    first.reset();
    EXPECT_TRUE(locks.try_lock(1));
}

TEST(UpperLocks, LockWaitsForTheUserAndDoesNotStopIt) {
    UpperLocks locks;
    auto user = locks.try_lock(1);
    std::atomic<bool> released = false;
    std::thread waiter([&] {
        const auto lock = locks.lock(1);
        EXPECT_TRUE(released);
    });
    EXPECT_FALSE(user->stop_token().stop_requested());
    released = true;
    user.reset();
    waiter.join();
}

TEST(UpperLocks, InterruptStopsTheUserAndWaits) {
    UpperLocks locks;
    auto user = locks.try_lock(1);
    std::atomic<bool> released = false;
    std::thread remover([&] {
        const auto lock = locks.interrupt_and_lock(1);
        EXPECT_TRUE(released);
        EXPECT_FALSE(lock.stop_token().stop_requested());
    });
    while (!user->stop_token().stop_requested()) {
        std::this_thread::yield();
    }
    released = true;
    user.reset();
    remover.join();
}

TEST(UpperLocks, ManyWaitersAllGetTheirTurn) {
    UpperLocks locks;
    int turns = 0; // guarded by the lock that is tested
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            for (int n = 0; n < 100; ++n) {
                const auto lock = i % 2 == 0 ? locks.lock(1) : locks.interrupt_and_lock(1);
                ++turns;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(turns, 800);
}

} // namespace
} // namespace lamina
