// SPDX-License-Identifier: Apache-2.0
// Applies of one blob at the same time.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/service/sharing_fixture.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/tree.h"
#include "unpacker/tree/usage.h"

namespace lamina::test {
namespace {

// Names of a layer that containerd unpacks apart from its parents.
const Labels kUpperLayer = {{"containerd.io/snapshot.ref", "sha256:1"},
                            {"containerd.io/snapshot/diff-id", "sha256:2"},
                            {"containerd.io/snapshot/parent-chain-id", "sha256:3"}};

const Tree kLayer = {dir("etc", 0750).owner(1, 2).mtime(100),
                     file("etc/passwd", "root:x:0:0").mode(04755).owner(3, 4).mtime(101, 5),
                     hard_link("etc/passwd", "etc/passwd-").mode(04755).owner(3, 4).mtime(101, 5),
                     symlink("passwd", "etc/link").mtime(102),
                     file("implied/by/file", "x").mtime(103),
                     whiteout("etc/gone"),
                     opaque("etc"),
                     whiteout("implied/gone")};

class Sharing : public SharingTest {
  protected:
    void SetUp() override {
        SharingTest::SetUp();
        set_layer(kLayer);
    }

    // Two Applies: the first is done, and the second is at its clone, where `meanwhile` happens.
    void disturb(const LayerToApply& leader, const LayerToApply& follower,
                 const std::function<void()>& meanwhile) {
        std::promise<void> led;
        before_unpack_ = [&](int number) -> Status {
            EXPECT_TRUE(number > 1 || await_waiting(leader, 1));
            return {};
        };
        before_clone_ = [&, waits = led.get_future().share()] {
            waits.wait();
            meanwhile();
        };
        auto first = start(leader);
        ASSERT_TRUE(eventually([&] { return unpacks_ == 1; }));
        auto second = start(follower);
        ASSERT_TRUE(first.get());
        led.set_value();
        const auto answer = second.get();
        ASSERT_TRUE(answer) << answer.error().message;
    }
};

TEST_F(Sharing, ManyNamespacesAskAndOneUnpackServesThem) {
    const std::string alone = tree_alone("alone/1/k");
    for (const int askers : {2, 8}) {
        unpacks_ = clones_ = 0;
        std::vector<LayerToApply> layers;
        for (int i = 0; i < askers; ++i) {
            layers.push_back(layer_for(fmt::format("ns{}/{}/k", i, askers)));
        }
        apply_together(layers);
        EXPECT_EQ(unpacks_, 1);
        EXPECT_EQ(clones_, askers - 1);
        for (const LayerToApply& layer : layers) {
            EXPECT_EQ(tree_of(layer), alone);
        }
    }
}

TEST_F(Sharing, CommitTakesTheUsageOfTheClone) {
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    apply_together({leader, follower});
    ASSERT_EQ(clones_, 1);
    ASSERT_TRUE(snapshotter_->commit("b/2/B", "b/1/k", {}, ""));
    const auto tree = open_directory(upper_of(follower));
    EXPECT_EQ(*snapshotter_->usage("b/2/B"), *measure_usage(tree->get()));
}

TEST_F(Sharing, EachTakesImpliedDirectoriesFromItsOwnParents) {
    commit_base("p1", {dir("implied", 0700).owner(7, 8).mtime(5).xattr("user.k", "of the first"),
                       dir("implied/by", 0711)});
    commit_base("p2", {dir("implied", 0701).owner(9, 9).mtime(6)});
    commit_base("p3", {file("other", "x")});
    const std::vector<std::string> alone = {tree_alone("x/1/k", "p1"), tree_alone("x/2/k", "p2"),
                                            tree_alone("x/3/k", "p3")};
    for (const size_t leader : {size_t{0}, size_t{1}, size_t{2}}) {
        SCOPED_TRACE(leader);
        std::vector<LayerToApply> layers;
        for (size_t i = 0; i < 3; ++i) {
            layers.push_back(layer_for(fmt::format("n{}/{}/k", i, leader),
                                       fmt::format("p{}", (leader + i) % 3 + 1)));
        }
        unpacks_ = 0;
        apply_together(layers);
        EXPECT_EQ(unpacks_, 1);
        for (size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(tree_of(layers[i]), alone[(leader + i) % 3]);
        }
    }
}

TEST_F(Sharing, LayersWithoutTheirParentsYetGetThemAtCommit) {
    commit_base("p1", {dir("implied", 0700).owner(7, 8).mtime(5).xattr("user.k", "v")});
    commit_base("p2", {dir("implied", 0701).owner(9, 9).mtime(6)});
    const std::string alone = tree_alone("x/1/k", "p2");
    const LayerToApply leader = layer_for("a/1/k", "p1");
    const LayerToApply follower = layer_for("b/1/extract-1-abcd sha256:1", "", kUpperLayer);
    ASSERT_EQ(follower.mounts.front().type, "overlay");
    apply_together({leader, follower});
    EXPECT_EQ(unpacks_, 1);
    const auto committed = snapshotter_->commit("b/2/B", "b/1/extract-1-abcd sha256:1", {}, "p2");
    ASSERT_TRUE(committed) << committed.error().message;
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, LeaderWithoutItsParentsMayCommitWhileItIsCloned) {
    commit_base("p1", {dir("implied", 0700).owner(7, 8).mtime(5).xattr("user.k", "v")});
    commit_base("p2", {dir("implied", 0701).owner(9, 9).mtime(6)});
    const std::string alone = tree_alone("x/1/k", "p2");
    const LayerToApply leader = layer_for("a/1/extract-1-abcd sha256:1", "", kUpperLayer);
    const LayerToApply follower = layer_for("b/1/k", "p2");
    disturb(leader, follower, [&] {
        EXPECT_TRUE(snapshotter_->commit("a/2/A", "a/1/extract-1-abcd sha256:1", {}, "p1"));
    });
    EXPECT_EQ(unpacks_, 1);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, SyncedApplyMayClone) {
    LayerToApply follower = layer_for("b/1/k");
    follower.sync_filesystem = true;
    apply_together({layer_for("a/1/k"), follower});
    EXPECT_EQ(unpacks_, 1);
}

// --- What is not shared ---

TEST_F(Sharing, NamespaceWithoutTheBlobGetsNothing) {
    without_blob_ = {"poor"};
    const LayerToApply leader = layer_for("rich/1/k");
    const LayerToApply asker = layer_for("poor/1/k");
    before_unpack_ = [&](int) -> Status {
        const auto refused = applier_->apply(asker, {});
        EXPECT_FALSE(refused);
        EXPECT_EQ(refused ? ErrorCode{} : refused.error().code, ErrorCode::not_found);
        return {};
    };
    ASSERT_TRUE(applier_->apply(leader, {}));
    EXPECT_TRUE(read_tree(upper_of(asker)).empty());
    EXPECT_EQ(clones_, 0);
}

TEST_F(Sharing, BaseLayerAndUpperLayerAreDifferentTrees) {
    commit_base("p1", {file("other", "x")});
    const LayerToApply base = layer_for("a/1/k");
    const LayerToApply upper = layer_for("b/1/k", "p1");
    before_unpack_ = [&](int number) -> Status {
        if (number == 1) {
            EXPECT_TRUE(applier_->apply(upper, {}));
        }
        return {};
    };
    ASSERT_TRUE(applier_->apply(base, {}));
    EXPECT_EQ(unpacks_, 2);
    EXPECT_NE(tree_of(base), tree_of(upper));
}

TEST_F(Sharing, OpaqueRootIsUnpackedByEach) {
    set_layer({opaque(""), file("only", "x").mtime(5)});
    commit_base("p1", {file("one", "x")});
    commit_base("p2", {file("two", "x")});
    const std::string alone = tree_alone("x/1/k", "p2");
    const LayerToApply follower = layer_for("b/1/k", "p2");
    apply_together({layer_for("a/1/k", "p1"), follower, layer_for("c/1/k", "p1")});
    EXPECT_EQ(unpacks_, 3);
    EXPECT_EQ(clones_, 0);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, TargetThatHoldsFilesIsUnpackedInto) {
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply other = layer_for("b/1/k");
    write_file(upper_of(other) + "/before", "x");
    before_unpack_ = [&](int number) -> Status {
        if (number == 1) {
            EXPECT_TRUE(applier_->apply(other, {}));
        }
        return {};
    };
    ASSERT_TRUE(applier_->apply(leader, {}));
    EXPECT_EQ(unpacks_, 2);
    EXPECT_TRUE(exists(upper_of(other) + "/before"));
}

// --- Leaders that fail, or whose tree changes ---

TEST_F(Sharing, WhenTheLeaderFailsTheNextOneUnpacksForTheRest) {
    const LayerToApply leader = layer_for("a/1/k");
    before_unpack_ = [&](int number) -> Status {
        if (number > 1) {
            return {};
        }
        EXPECT_TRUE(await_waiting(leader, 3));
        return fail(ErrorCode::data_loss, "this reader broke");
    };
    auto first = start(leader);
    ASSERT_TRUE(eventually([&] { return unpacks_ == 1; }));
    std::vector<std::future<Result<AppliedLayer>>> others;
    for (const char* key : {"b/1/k", "c/1/k", "d/1/k"}) {
        others.push_back(start(layer_for(key)));
    }
    EXPECT_EQ(first.get().error().code, ErrorCode::data_loss);
    for (auto& other : others) {
        EXPECT_TRUE(other.get());
    }
    EXPECT_EQ(unpacks_, 2);
    EXPECT_EQ(clones_, 2);
}

TEST_F(Sharing, CancelledLeaderIsSucceeded) {
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    std::stop_source stop;
    before_unpack_ = [&](int number) -> Status {
        if (number == 1) {
            EXPECT_TRUE(await_waiting(leader, 1));
            stop.request_stop();
        }
        return {};
    };
    auto first = start(leader, stop.get_token());
    ASSERT_TRUE(eventually([&] { return unpacks_ == 1; }));
    auto second = start(follower);
    EXPECT_EQ(first.get().error().code, ErrorCode::canceled);
    EXPECT_TRUE(second.get());
    EXPECT_EQ(unpacks_, 2);
    EXPECT_TRUE(read_tree(upper_of(leader)).empty());
}

TEST_F(Sharing, WhoWaitsCanBeStoppedAndRemoved) {
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply stopped = layer_for("b/1/k");
    const LayerToApply removed = layer_for("c/1/k");
    std::stop_source stop;
    before_unpack_ = [&](int) -> Status {
        EXPECT_TRUE(await_waiting(leader, 2));
        stop.request_stop();
        EXPECT_TRUE(snapshotter_->remove("c/1/k"));
        EXPECT_TRUE(await_waiting(leader, 0));
        return {};
    };
    auto first = start(leader);
    ASSERT_TRUE(eventually([&] { return unpacks_ == 1; }));
    auto second = start(stopped, stop.get_token());
    auto third = start(removed);
    EXPECT_EQ(second.get().error().code, ErrorCode::canceled);
    EXPECT_EQ(third.get().error().code, ErrorCode::canceled);
    EXPECT_TRUE(first.get());
    EXPECT_EQ(clones_, 0);
}

TEST_F(Sharing, WhoWaitsTakesNoPlaceOfAnUnpack) {
    const LayerToApply leader = layer_for("a/1/k");
    std::vector<LayerToApply> layers = {leader};
    for (int i = 0; i < 10; ++i) { // more than there are places
        layers.push_back(layer_for(fmt::format("b/{}/k", i)));
    }
    apply_together(layers);
    EXPECT_EQ(unpacks_, 1);
}

TEST_F(Sharing, TreeThatIsRemovedWhileItIsClonedIsNotUsed) {
    const std::string alone = tree_alone("x/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    disturb(layer_for("a/1/k"), follower, [&] { EXPECT_TRUE(snapshotter_->remove("a/1/k")); });
    EXPECT_EQ(unpacks_, 2);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, TreeThatIsCommittedAndRemovedIsNotUsed) {
    const std::string alone = tree_alone("x/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    disturb(layer_for("a/1/k"), follower, [&] {
        EXPECT_TRUE(snapshotter_->commit("a/2/A", "a/1/k", {}, ""));
        EXPECT_TRUE(snapshotter_->remove("a/2/A"));
    });
    EXPECT_EQ(unpacks_, 2);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, TreeThatIsCommittedWhileItIsClonedIsUsed) {
    const std::string alone = tree_alone("x/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    disturb(layer_for("a/1/k"), follower,
            [&] { EXPECT_TRUE(snapshotter_->commit("a/2/A", "a/1/k", {}, "")); });
    EXPECT_EQ(unpacks_, 1);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, TreeThatSomebodyWroteIntoIsNotUsedNotEvenWhenItIsCommittedThen) {
    const std::string alone = tree_alone("x/1/k");
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    disturb(leader, follower, [&] {
        EXPECT_TRUE(snapshotter_->mounts("a/1/k"));
        write_file(upper_of(leader) + "/etc/passwd", "written by its owner");
        EXPECT_TRUE(snapshotter_->commit("a/2/A", "a/1/k", {}, ""));
    });
    EXPECT_EQ(unpacks_, 2);
    EXPECT_EQ(tree_of(follower), alone);
}

TEST_F(Sharing, TreeThatIsWrittenIntoAfterItWasReadIsNotUsed) {
    const LayerToApply leader = layer_for("a/1/k");
    const LayerToApply follower = layer_for("b/1/k");
    after_clone_ = [&] { EXPECT_TRUE(snapshotter_->mounts("a/1/k")); };
    disturb(leader, follower, [] {});
    EXPECT_EQ(unpacks_, 2);
}

TEST_F(Sharing, TreeThatIsMountedByTheMountsOfPrepareIsNotUsed) {
    commit_base("p1", {dir("etc")});
    const LayerToApply leader = layer_for("a/1/k", "p1");
    const LayerToApply follower = layer_for("b/1/k", "p1");
    disturb(leader, follower, [&] {
        const std::string upper = upper_of(leader);
        const std::string id = upper.substr(0, upper.size() - std::string("/fs").size());
        make_tree(directory_.path(), {dir("mnt")});
        const OverlayMount mount({directory_ / "root/snapshots/1/fs"}, upper, id + "/work",
                                 directory_ / "mnt");
        ASSERT_TRUE(mount.mounted()) << mount.error();
        write_file(directory_ / "mnt/etc/passwd", "changed");
    });
    EXPECT_EQ(unpacks_, 2);
    EXPECT_EQ(read_file(upper_of(follower) + "/etc/passwd"), "root:x:0:0");
}

TEST_F(Sharing, AnotherOneIsClonedWhenTheFirstIsGone) {
    const LayerToApply leader = layer_for("a/1/k");
    const std::string alone = tree_alone("x/1/k");
    std::atomic<bool> is_removed = false;
    before_clone_ = [&] { EXPECT_TRUE(eventually([&] { return is_removed.load(); })); };
    before_unpack_ = [&](int number) -> Status {
        EXPECT_TRUE(number > 1 || await_waiting(leader, 4));
        return {};
    };
    auto first = start(leader);
    ASSERT_TRUE(eventually([&] { return unpacks_ == 1; }));
    std::vector<LayerToApply> layers;
    std::vector<std::future<Result<AppliedLayer>>> others;
    for (int i = 0; i < 4; ++i) {
        layers.push_back(layer_for(fmt::format("b/{}/k", i)));
        others.push_back(start(layers.back()));
    }
    ASSERT_TRUE(first.get());
    EXPECT_TRUE(snapshotter_->remove("a/1/k"));
    is_removed = true;
    for (auto& other : others) {
        EXPECT_TRUE(other.get());
    }
    EXPECT_GE(unpacks_, 2);
    for (const LayerToApply& layer : layers) {
        EXPECT_EQ(tree_of(layer), alone);
    }
}

} // namespace
} // namespace lamina::test
