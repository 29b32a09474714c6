// SPDX-License-Identifier: Apache-2.0
#include <future>

#include <gtest/gtest.h>

#include "snapshotter/service/shared_unpacks.h"
#include "tests/service/applier_fixture.h"
#include "tests/snapshotter/core/eventually.h"

namespace lamina::test {
namespace {

class SharedUnpacksTest : public testing::Test {
  protected:
    using Joined = std::future<Result<SharedUnpacks::Turn>>;

    SharedUnpacks::Turn join() {
        auto turn = shared_.join(key_, {});
        EXPECT_TRUE(turn);
        return *std::move(turn);
    }
    Joined join_in_thread(const std::stop_token& stop = {}) {
        return std::async(std::launch::async, [this, stop] { return shared_.join(key_, stop); });
    }
    [[nodiscard]] bool await_waiting(size_t count) {
        return eventually([&] { return shared_.waiting(key_) == count; });
    }
    // A second one that certainly waits.
    Joined follow(const std::stop_token& stop = {}) {
        const size_t before = shared_.waiting(key_);
        Joined joined = join_in_thread(stop);
        EXPECT_TRUE(await_waiting(before + 1));
        return joined;
    }

    static SharedLayer layer() {
        return {FilledTree(Fd(), Fd(), nullptr), UnpackReport{.diff_id = some_digest(),
                                                              .uncompressed_bytes = 5,
                                                              .blob_bytes = 0,
                                                              .entries = 0,
                                                              .whiteouts = 0,
                                                              .usage = {},
                                                              .rebase = {},
                                                              .rebased = {},
                                                              .times = {}}};
    }
    static Digest some_digest() { return *Digest::parse(kSomeDigest); }

    SharedUnpacks shared_;
    SharedUnpacks::Key key_{some_digest(), 1, Encoding::sniff, false};
};

TEST_F(SharedUnpacksTest, FirstLeadsAndTheOthersGetItsLayer) {
    auto leader = join();
    ASSERT_TRUE(leader.leads());
    EXPECT_EQ(leader.layer(), nullptr);
    Joined second = follow();
    Joined third = follow();
    leader.offer(layer());
    for (Joined* joined : {&second, &third}) {
        const auto turn = joined->get();
        ASSERT_TRUE(turn && turn->layer());
        EXPECT_FALSE(turn->leads());
        EXPECT_EQ(turn->layer()->report.uncompressed_bytes, 5U);
    }
}

TEST_F(SharedUnpacksTest, EveryPartOfTheKeyCounts) {
    const auto leader = join();
    std::vector<SharedUnpacks::Key> others(4, key_);
    others[0].size = 2;
    others[1].encoding = Encoding::plain;
    others[2].is_overlay = true;
    others[3].blob = *Digest::parse("sha256:" + std::string(64, 'f'));
    for (const SharedUnpacks::Key& key : others) {
        EXPECT_TRUE(shared_.join(key, {})->leads());
    }
}

TEST_F(SharedUnpacksTest, NothingIsKeptForLater) {
    {
        auto leader = join();
        leader.offer(layer());
    }
    EXPECT_TRUE(join().leads());
}

TEST_F(SharedUnpacksTest, LayerIsThereForWhoComesWhileAnotherOneHasIt) {
    auto leader = std::make_unique<SharedUnpacks::Turn>(join());
    Joined second = follow();
    leader->offer(layer());
    leader.reset();
    const auto holder = second.get();
    EXPECT_NE(join().layer(), nullptr);
}

TEST_F(SharedUnpacksTest, AfterAFailureWhoHasWaitedLongestLeads) {
    auto leader = std::make_unique<SharedUnpacks::Turn>(join());
    Joined second = follow();
    Joined third = follow();
    leader.reset();
    auto next = second.get();
    ASSERT_TRUE(next && next->leads());
    EXPECT_TRUE(await_waiting(1)) << "one only";
    next->offer(layer());
    EXPECT_NE(third.get()->layer(), nullptr);
}

TEST_F(SharedUnpacksTest, WhatCannotBeSharedIsUnpackedByEach) {
    auto leader = join();
    Joined second = follow();
    Joined third = follow();
    leader.withhold();
    for (Joined* joined : {&second, &third}) {
        const auto turn = joined->get();
        ASSERT_TRUE(turn);
        EXPECT_FALSE(turn->leads());
        EXPECT_EQ(turn->layer(), nullptr);
    }
}

TEST_F(SharedUnpacksTest, RejectedLayerIsGivenToNobodyElse) {
    auto leader = join();
    Joined second = follow();
    leader.offer(layer());
    auto turn = second.get();
    turn->reject();
    EXPECT_EQ(turn->layer(), nullptr);
    EXPECT_TRUE(join().leads());
}

TEST_F(SharedUnpacksTest, RejectingTheOldLayerLeavesTheNewOne) {
    auto leader = join();
    Joined second = follow();
    Joined third = follow();
    leader.offer(layer());
    auto one = second.get();
    auto other = third.get();
    one->reject();
    auto next = join();
    ASSERT_TRUE(next.leads());
    next.offer(layer());
    other->reject();
    EXPECT_NE(join().layer(), nullptr);
}

TEST_F(SharedUnpacksTest, StopEndsTheWaitAndTheNextInTheQueueLeads) {
    auto leader = std::make_unique<SharedUnpacks::Turn>(join());
    std::stop_source stop;
    Joined second = follow(stop.get_token());
    Joined third = follow();
    stop.request_stop();
    const auto stopped = second.get();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::canceled);
    leader.reset();
    EXPECT_TRUE(third.get()->leads());
}

} // namespace
} // namespace lamina::test
