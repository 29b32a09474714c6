// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"

namespace lamina {
namespace {

constexpr int kThreads = 16;
constexpr int kRounds = 8;

class Concurrency : public test::SnapshotterTest {
  protected:
    static void in_threads(const std::function<void(int)>& body) {
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back(body, i);
        }
        for (auto& thread : threads) {
            thread.join();
        }
    }

    // Prepares, applies, commits, views and removes a chain of two; all must succeed.
    void live(const std::string& name) {
        const auto mounts = snapshotter_->prepare(name + "-k", "base", {{"l", name}});
        ASSERT_TRUE(mounts) << mounts.error().message;
        {
            auto held = snapshotter_->hold_for_apply(*mounts);
            ASSERT_TRUE(held) << held.error().message;
            test::write_file(held->target().upperdir + "/file", name);
            ASSERT_TRUE(held->succeed({{2, 4096}, 0}));
        }
        ASSERT_TRUE(snapshotter_->commit(name, name + "-k", {}, ""));
        ASSERT_TRUE(snapshotter_->view(name + "-view", name, {}));
        ASSERT_FALSE(snapshotter_->remove(name));
        ASSERT_TRUE(snapshotter_->remove(name + "-view"));
        ASSERT_TRUE(snapshotter_->remove(name));
        ASSERT_TRUE(snapshotter_->cleanup());
    }
};

TEST_F(Concurrency, IndependentChainsDoNotDisturbEachOther) {
    (void)prepare("a");
    commit("base", "a");
    in_threads([&](int i) {
        for (int round = 0; round < kRounds; ++round) {
            live("t" + std::to_string(i) + "r" + std::to_string(round));
        }
    });
    int left = 0;
    ASSERT_TRUE(snapshotter_->walk({}, [&](const Info&) -> Status {
        ++left;
        return {};
    }));
    EXPECT_EQ(left, 1);
    EXPECT_EQ(test::count_entries(options_.root + "/snapshots"), 2); // base and "empty"
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
    EXPECT_TRUE(
        test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
}

TEST_F(Concurrency, OneOfManyWinsAKey) {
    std::atomic<int> prepared = 0;
    std::atomic<int> committed = 0;
    std::atomic<int> removed = 0;
    in_threads([&](int) { prepared += snapshotter_->prepare("k", "", {}).has_value(); });
    EXPECT_EQ(prepared, 1);
    in_threads([&](int) { committed += snapshotter_->commit("n", "k", {}, "").has_value(); });
    EXPECT_EQ(committed, 1);
    in_threads([&](int) { removed += snapshotter_->remove("n").has_value(); });
    EXPECT_EQ(removed, 1);
}

} // namespace
} // namespace lamina
