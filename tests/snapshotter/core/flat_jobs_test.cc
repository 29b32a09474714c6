// SPDX-License-Identifier: Apache-2.0
// What comes in between while a flat tree is being made.
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include <gmock/gmock.h>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/squash_fixture.h"

namespace lamina {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

// Holds the job that makes the tree of the second layer when all is written and nothing said.
class FlatJob : public test::SquashTest {
  protected:
    void SetUp() override {
        SquashTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        options_.squash.wait = false;
        options_.flat_tree_rest = {};
        options_.sync = [this, test = std::this_thread::get_id()](int) -> Status {
            if (std::this_thread::get_id() != test) { // it commits
                if (trees_++ == 0) {
                    reached_.count_down();
                }
                go_on_.wait();
            }
            return {};
        };
        reopen();
        add_layers(2);
        reached_.wait();
    }
    void TearDown() override {
        go_on();
        snapshotter_.reset();
    }
    void go_on() {
        if (!went_on_) {
            go_on_.count_down();
            went_on_ = true;
        }
    }
    void expect_nothing_left() {
        EXPECT_TRUE(test::eventually([&] {
            return test::count_entries(options_.root + "/staging") == 0 &&
                   test::count_entries(options_.root + "/trash") == 0;
        }));
    }

    std::atomic<int> trees_ = 0; // written so far
    std::latch reached_{1};
    std::latch go_on_{1};
    bool went_on_ = false;
};

TEST_F(FlatJob, BlocksNobody) {
    (void)prepare("other");
    EXPECT_TRUE(snapshotter_->commit("other layer", "other", {}, ""));
    EXPECT_TRUE(snapshotter_->stat("2"));
    EXPECT_TRUE(snapshotter_->usage("2"));
    EXPECT_TRUE(snapshotter_->cleanup());
    (void)prepare("container", "other layer");
    EXPECT_TRUE(snapshotter_->remove("container"));
}

TEST_F(FlatJob, TreeThatComesAfterTheFirstMountIsThrownAway) {
    const auto mounts = prepare("container", "2");
    EXPECT_THAT(test::lowers_of(mounts), ElementsAreArray(raw("2")));
    go_on();
    expect_nothing_left();
    EXPECT_FALSE(test::exists(flat("2")));
    EXPECT_EQ(*snapshotter_->mounts("container"), mounts);
    EXPECT_EQ(test::lowers_of(*snapshotter_->view("view", "2", {})), test::lowers_of(mounts));
}

// The daemon of this test waits for nobody, so that a key of an image's next layer is tried upon
// one that does.
TEST_F(FlatJob, NextLayerOfAnImageDoesNotWait) {
    go_on();
    std::latch reached(1);
    std::latch go_on(1);
    options_.sync = [&](int) -> Status {
        reached.count_down();
        go_on.wait();
        return {};
    };
    reopen_with(test::kSquashAll);
    (void)prepare("key", "1");
    EXPECT_TRUE(snapshotter_->commit("other", "key", {}, ""));
    reached.wait();
    const auto mounts = prepare("default/1/extract-1-abcd sha256:1", "other");
    EXPECT_EQ(test::lowers_of(mounts).size(), 2U);
    go_on.count_down();
    snapshotter_.reset(); // before what its thread uses
}

TEST_F(FlatJob, SnapshotMayBeRemovedMeanwhile) {
    EXPECT_TRUE(snapshotter_->remove("2"));
    EXPECT_FALSE(test::exists(fs(2)));
    go_on();
    expect_nothing_left();
    EXPECT_TRUE(snapshotter_->remove("1"));
}

// Those of "b" and "c" wait behind the one of "2", in this order.
TEST_F(FlatJob, IsNotDoneInVainWhenALayerIsCommittedOntoItsSnapshot) {
    add_layer("b", "1", small_layer("b"));
    (void)prepare(test::kExtractKey, "", test::kUpperLayer);
    ++last_id_;
    EXPECT_TRUE(
        snapshotter_->commit("upon b", test::kExtractKey, {{test::kSquashLabel, "off"}}, "b"));
    add_layer("c", "1", small_layer("c"));
    go_on();
    EXPECT_TRUE(test::eventually([&] { return test::exists(flat("c")); }));
    EXPECT_EQ(trees_, 2);
    EXPECT_FALSE(test::exists(flat("b")));
}

TEST_F(FlatJob, EveryMountOfARaceIsTheSame) {
    std::vector<Mounts> views(8);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < views.size(); ++i) {
        threads.emplace_back([&, i] {
            if (i == views.size() / 2) {
                go_on();
            }
            views[i] = *snapshotter_->view("view" + std::to_string(i), "2", {});
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const Mounts& view : views) {
        EXPECT_EQ(view, views.front());
    }
    EXPECT_EQ(show(test::lowers_of(views.front())), raw_manifest("2"));
}

// Longer than any test: who comes upon the end of it comes too late.
constexpr std::chrono::hours kLong{1};

class RestingChain : public test::SquashTest {
  protected:
    void SetUp() override {
        SquashTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        options_.flat_tree_rest = kLong;
        options_.sync = [this, test = std::this_thread::get_id()](int) -> Status {
            trees_ += std::this_thread::get_id() == test ? 0 : 1; // it commits
            return {};
        };
        reopen();
    }
    // The next layer of an image, whose Prepare waits for nobody.
    void add_image_layer(const std::string& name, const std::string& parent) {
        (void)prepare(test::kExtractKey, parent);
        commit(name, test::kExtractKey);
        ids_[name] = ++last_id_;
        parents_[name] = parent;
    }
    // The same, applied apart from its parent.
    void add_rebased_layer(const std::string& name, const std::string& parent) {
        (void)prepare(test::kExtractKey, "", test::kUpperLayer);
        commit(name, test::kExtractKey, parent);
        ids_[name] = ++last_id_;
        parents_[name] = parent;
    }

    std::atomic<int> trees_ = 0; // written so far
};

TEST_F(RestingChain, OfAnImageOnlyTheTopIsFlattened) {
    add_image_layer("1", "");
    for (const char* name : {"2", "3", "4"}) {
        add_image_layer(name, parents_.rbegin()->first);
    }
    EXPECT_THAT(seen("4"), ElementsAre(flat("4")));
    EXPECT_EQ(trees_, 1);
}

TEST_F(RestingChain, OfAnImageUnpackedInParallelOnlyTheTopIsFlattened) {
    add_image_layer("1", "");
    for (const char* name : {"2", "3", "4"}) {
        add_rebased_layer(name, parents_.rbegin()->first);
    }
    EXPECT_THAT(seen("4"), ElementsAre(flat("4")));
    EXPECT_EQ(trees_, 1);
}

TEST_F(RestingChain, IsFlattenedAtOnceForWhoWaits) {
    add_layers(2);
    EXPECT_THAT(test::lowers_of(prepare("container", "2")), ElementsAre(flat("2")));
}

TEST_F(RestingChain, OthersRestOnWhenSomebodyWaitsForOne) {
    add_image_layer("1", "");
    add_image_layer("rests", "1");
    add_image_layer("wanted", "1");
    EXPECT_THAT(seen("wanted"), ElementsAre(flat("wanted")));
    EXPECT_EQ(trees_, 1);
    EXPECT_FALSE(test::exists(flat("rests")));
    EXPECT_THAT(seen("rests"), ElementsAre(flat("rests")));
}

TEST_F(RestingChain, IsSettledWithoutATreeByWhoDoesNotWait) {
    options_.squash.wait = false;
    reopen();
    add_layers(2);
    EXPECT_THAT(seen("2"), ElementsAreArray(raw("2")));
    EXPECT_EQ(trees_, 0);
}

TEST_F(RestingChain, IsStillWantedAfterARestart) {
    add_layers(2);
    options_.squash.wait = false;
    options_.flat_tree_rest = {};
    reopen();
    EXPECT_TRUE(test::eventually([&] { return test::exists(flat("2")); }));
}

TEST_F(RestingChain, IsFlattenedWhenItHasRested) {
    options_.squash.wait = false;
    options_.flat_tree_rest = std::chrono::milliseconds(1);
    reopen();
    add_layers(2);
    EXPECT_TRUE(test::eventually([&] { return test::exists(flat("2")); }));
    EXPECT_THAT(seen("2"), ElementsAre(flat("2")));
}

using FlatTreeFailure = test::SquashTest;

TEST_F(FlatTreeFailure, IsNoFailureOfTheCommitAndIsForgotten) {
    options_.sync = [](int) -> Status { return fail(ErrorCode::data_loss, "injected"); };
    reopen();
    add_layers(2);
    EXPECT_THAT(seen("2"), ElementsAreArray(raw("2")));
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
    EXPECT_EQ(snapshotter_->flat_trees(), (FlatTreeCounts{.made = 0, .failed = 1, .bytes = 0}));
    options_.sync = [](int) { return Status{}; };
    reopen();
    EXPECT_THAT(seen("2"), ElementsAreArray(raw("2")));
    EXPECT_FALSE(test::exists(flat("2")));
}

// What a daemon leaves that ends while a tree is being made.
class WantedFlatTree : public test::SquashTest {
  protected:
    void SetUp() override {
        SquashTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        reopen_with({});
        add_layers(2);
        snapshotter_.reset();
        const auto store = SqliteStore::open(options_.root);
        ASSERT_TRUE(store);
        ASSERT_TRUE((*store)->write(
            [](WriteTransaction& transaction) { return transaction.want_flat_tree(2); }));
        test::make_tree(options_.root,
                        {test::dir("staging/late"), test::file("staging/late/a", "half"),
                         test::dir("snapshots/2/flat"), test::file("snapshots/2/flat/b", "old")});
    }
};

TEST_F(WantedFlatTree, IsMadeByTheNextOne) {
    reopen_with(test::kSquashAll);
    EXPECT_THAT(seen("2"), ElementsAre(flat("2")));
    EXPECT_EQ(seen_manifest("2"), raw_manifest("2"));
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
}

TEST_F(WantedFlatTree, IsForgottenWhereSquashingIsOff) {
    reopen_with({});
    EXPECT_FALSE(test::exists(flat("2")));
    reopen_with(test::kSquashAll);
    EXPECT_THAT(seen("2"), ElementsAreArray(raw("2")));
}

} // namespace
} // namespace lamina
