// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/snapshotter/core/snapshotter_fixture.h"

namespace lamina {
namespace {

using test::code_of;
using testing::ElementsAre;
using testing::IsEmpty;

class ApplyHoldTest : public test::SnapshotterTest {
  protected:
    ApplyHold hold(const Mounts& mounts) {
        auto held = snapshotter_->hold_for_apply(mounts);
        EXPECT_TRUE(held) << held.error().message;
        return *std::move(held);
    }

    // An Apply of one file that claims `claimed`.
    void apply(const Mounts& mounts, const AppliedTree& claimed, const std::string& file = "file") {
        ApplyHold held = hold(mounts);
        test::write_file(held.target().upperdir + "/" + file, "x");
        ASSERT_TRUE(held.succeed(claimed));
    }

    uint64_t committed_inodes(const std::string& key) {
        commit("name of " + key, key);
        return snapshotter_->usage("name of " + key)->inodes;
    }
};

// No tree has it: who answers it did not walk.
const AppliedTree kClaim{{1000, 4096}, 0};

TEST_F(ApplyHoldTest, BindTargetHasNoLowers) {
    const ApplyHold held = hold(prepare("default/1/k"));
    EXPECT_EQ(held.target().key, "default/1/k");
    EXPECT_EQ(held.target().upperdir, fs(1));
    EXPECT_THAT(held.target().lowerdirs, IsEmpty());
    EXPECT_FALSE(held.target().is_overlay);
}

TEST_F(ApplyHoldTest, OverlayTargetHasItsLowersNearestFirst) {
    (void)prepare("a");
    commit("A", "a");
    (void)prepare("b", "A");
    commit("B", "b");
    const ApplyHold held = hold(prepare("c", "B"));
    EXPECT_EQ(held.target().upperdir, fs(3));
    EXPECT_THAT(held.target().lowerdirs, ElementsAre(fs(2), fs(1)));
    EXPECT_TRUE(held.target().is_overlay);
}

TEST_F(ApplyHoldTest, RebasedLayerIsAnOverlayWithoutLowers) {
    const ApplyHold held = hold(prepare(test::kExtractKey, "", test::kUpperLayer));
    EXPECT_TRUE(held.target().is_overlay);
    EXPECT_THAT(held.target().lowerdirs, IsEmpty());
}

TEST_F(ApplyHoldTest, MountsOfOthersAreUnimplemented) {
    const auto refused = [&](const Mounts& mounts) {
        return code_of(snapshotter_->hold_for_apply(mounts)) == ErrorCode::unimplemented;
    };
    (void)prepare("a");
    commit("base", "a");
    const Mounts bind = prepare("b");
    const Mounts overlay = prepare("c", "base");
    EXPECT_TRUE(refused({}));
    EXPECT_TRUE(refused({bind.front(), bind.front()}));
    EXPECT_TRUE(refused({{"bind", "/tmp", "", {"rw", "rbind"}}}));
    EXPECT_TRUE(refused({{"bind", fs(2), "", {"ro", "rbind"}}}));
    EXPECT_TRUE(refused({{"overlay", "overlay", "", {"upperdir=" + fs(3)}}}));
    Mounts changed = overlay;
    changed.front().options.push_back("volatile");
    EXPECT_TRUE(refused(changed));
    EXPECT_TRUE(snapshotter_->hold_for_apply(overlay));
}

// BuildKit puts the option at the end, without the one that was there.
TEST_F(ApplyHoldTest, MountsAreOursWhateverTheySayOfRedirects) {
    (void)prepare("a");
    commit("base", "a");
    for (const std::string value : {"off", "on", "nofollow"}) {
        Mounts mounts = prepare("key " + value, "base");
        std::erase_if(mounts.front().options,
                      [](const auto& option) { return option.starts_with("redirect_dir="); });
        mounts.front().options.push_back("redirect_dir=" + value);
        EXPECT_EQ(hold(mounts).target().key, "key " + value);
    }
}

// unimplemented would make containerd's own differ write there.
TEST_F(ApplyHoldTest, TreesThatMustNotChangeFailThePrecondition) {
    const auto refused = [&](const Mounts& mounts) {
        return code_of(snapshotter_->hold_for_apply(mounts)) == ErrorCode::failed_precondition;
    };
    const Mounts committed = prepare("a");
    commit("base", "a");
    const Mounts removed = prepare("b");
    ASSERT_TRUE(snapshotter_->remove("b"));
    EXPECT_TRUE(refused(committed));
    EXPECT_TRUE(refused(removed));
    EXPECT_TRUE(refused(snapshotter_->view("of base", "base", {}).value()));
    EXPECT_TRUE(refused(snapshotter_->view("empty", "", {}).value()));
}

TEST_F(ApplyHoldTest, MountsThatMapIdsAreUnimplemented) {
    options_.remap_ids = true;
    reopen();
    const Mounts mounts = prepare("k", "", {{"containerd.io/snapshot/uidmapping", "0:666:10"}});
    EXPECT_EQ(code_of(snapshotter_->hold_for_apply(mounts)), ErrorCode::unimplemented);
}

TEST_F(ApplyHoldTest, OnlyOneHoldAtATime) {
    const Mounts mounts = prepare("k");
    {
        const ApplyHold first = hold(mounts);
        EXPECT_EQ(code_of(snapshotter_->hold_for_apply(mounts)), ErrorCode::failed_precondition);
    }
    EXPECT_TRUE(snapshotter_->hold_for_apply(mounts));
}

TEST_F(ApplyHoldTest, CommitAfterApplyDoesNotWalk) {
    apply(prepare("k"), kClaim);
    EXPECT_EQ(committed_inodes("k"), 1000U);
}

TEST_F(ApplyHoldTest, CommitWalksWhatWasMountedAfterTheApply) {
    apply(prepare("k"), kClaim);
    ASSERT_TRUE(snapshotter_->mounts("k"));
    EXPECT_EQ(committed_inodes("k"), 2U);
}

TEST_F(ApplyHoldTest, CommitWalksWhatWasMountedDuringTheApply) {
    ApplyHold held = hold(prepare("k"));
    ASSERT_TRUE(snapshotter_->mounts("k"));
    ASSERT_TRUE(held.succeed(kClaim));
    {
        const ApplyHold released = std::move(held);
    }
    EXPECT_EQ(committed_inodes("k"), 1U);
}

TEST_F(ApplyHoldTest, CommitWalksAfterASecondApply) {
    const Mounts mounts = prepare("k");
    apply(mounts, kClaim, "first");
    apply(mounts, kClaim, "second");
    EXPECT_EQ(committed_inodes("k"), 3U);
}

TEST_F(ApplyHoldTest, CommitWalksWhatAContainerWrote) {
    (void)prepare("k");
    test::write_file(fs(1) + "/file", "x");
    EXPECT_EQ(committed_inodes("k"), 2U);
}

TEST_F(ApplyHoldTest, CommitWalksAfterARestart) {
    apply(prepare("k"), kClaim);
    reopen();
    EXPECT_EQ(committed_inodes("k"), 2U);
}

TEST_F(ApplyHoldTest, KnownWhiteoutsDecideWhetherABaseLayerIsWalked) {
    apply(prepare(test::kExtractKey, "", test::kUpperLayer), {{1000, 4096}, 0});
    EXPECT_EQ(committed_inodes(test::kExtractKey), 1000U);

    const std::string other = test::kExtractKey + "other";
    apply(prepare(other, "", test::kUpperLayer), {{1000, 4096}, 1});
    ASSERT_EQ(::mknod((fs(2) + "/deleted").c_str(), S_IFCHR, makedev(0, 0)), 0);
    EXPECT_EQ(committed_inodes(other), 2U);
    EXPECT_FALSE(test::exists(fs(2) + "/deleted"));
}

TEST_F(ApplyHoldTest, DiscardLeavesAnEqualEmptyDirectory) {
    const Mounts mounts = prepare("k");
    ASSERT_EQ(::chown(fs(1).c_str(), 12, 34), 0);
    ApplyHold held = hold(mounts);
    test::write_file(fs(1) + "/half", "x");
    ASSERT_TRUE(held.discard());
    EXPECT_EQ(test::count_entries(fs(1)), 0);
    struct stat status{};
    ASSERT_EQ(::stat(fs(1).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 12U);
    EXPECT_EQ(status.st_gid, 34U);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
}

TEST_F(ApplyHoldTest, SnapshotIsUsableAfterDiscard) {
    const Mounts mounts = prepare("k");
    {
        ApplyHold held = hold(mounts);
        test::write_file(fs(1) + "/half", "x");
        ASSERT_TRUE(held.discard());
    }
    apply(mounts, kClaim);
    EXPECT_EQ(committed_inodes("k"), 1000U);
}

TEST_F(ApplyHoldTest, RemoveStopsTheApplyAndWaitsForIt) {
    auto held = std::make_unique<ApplyHold>(hold(prepare("k")));
    std::atomic<bool> released = false;
    std::thread remover([&] {
        EXPECT_TRUE(snapshotter_->remove("k"));
        EXPECT_TRUE(released);
    });
    while (!held->stop_token().stop_requested()) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(snapshotter_->stat("k")); // not gone while somebody writes
    EXPECT_TRUE(held->discard());
    released = true;
    held.reset();
    remover.join();
    EXPECT_EQ(code_of(snapshotter_->stat("k")), ErrorCode::not_found);
}

TEST_F(ApplyHoldTest, CommitWaitsForTheApplyAndUsesItsCount) {
    auto held = std::make_unique<ApplyHold>(hold(prepare("k")));
    std::thread committer([&] { EXPECT_TRUE(snapshotter_->commit("name", "k", {}, "")); });
    EXPECT_TRUE(held->succeed(kClaim)); // before or after the committer began to wait
    EXPECT_FALSE(held->stop_token().stop_requested());
    held.reset();
    committer.join();
    EXPECT_EQ(snapshotter_->usage("name")->inodes, 1000U);
}

} // namespace
} // namespace lamina
