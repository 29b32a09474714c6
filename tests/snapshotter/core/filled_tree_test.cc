// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "snapshotter/core/filled_tree.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/overlay_mount.h"

namespace lamina {
namespace {

using test::code_of;

class FilledTreeTest : public test::SnapshotterTest {
  protected:
    ApplyHold hold(const Mounts& mounts) {
        auto held = snapshotter_->hold_for_apply(mounts);
        EXPECT_TRUE(held) << held.error().message;
        return *std::move(held);
    }

    // The tree of a finished Apply of one file.
    FilledTree filled(const Mounts& mounts, const AppliedTree& claimed = {}) {
        ApplyHold held = hold(mounts);
        test::write_file(held.target().upperdir + "/file", "x");
        auto tree = held.share();
        EXPECT_TRUE(tree) << tree.error().message;
        EXPECT_TRUE(held.succeed(claimed));
        return *std::move(tree);
    }
};

TEST_F(FilledTreeTest, StaysUntouchedWhenItsSnapshotIsCommitted) {
    const FilledTree tree = filled(prepare("a"));
    EXPECT_TRUE(tree.is_untouched());
    commit("A", "a");
    EXPECT_TRUE(tree.is_untouched());
    (void)prepare("b", "A");
    EXPECT_TRUE(tree.is_untouched());
}

TEST_F(FilledTreeTest, WhoAsksForTheMountsMayWrite) {
    const FilledTree tree = filled(prepare("a"));
    ASSERT_TRUE(snapshotter_->mounts("a"));
    EXPECT_FALSE(tree.is_untouched());
    commit("A", "a");
    EXPECT_FALSE(tree.is_untouched()) << "for ever";
}

TEST_F(FilledTreeTest, RemovalIsSeenBeforeAndAfterTheCommit) {
    const FilledTree active = filled(prepare("a"));
    ASSERT_TRUE(snapshotter_->remove("a"));
    EXPECT_FALSE(active.is_untouched());
    const FilledTree committed = filled(prepare("b"));
    commit("B", "b");
    ASSERT_TRUE(snapshotter_->remove("B"));
    EXPECT_FALSE(committed.is_untouched());
}

TEST_F(FilledTreeTest, ApplyThatTakesItBackIsSeen) {
    ApplyHold held = hold(prepare("a"));
    const auto tree = held.share();
    ASSERT_TRUE(tree);
    ASSERT_TRUE(held.discard());
    EXPECT_FALSE(tree->is_untouched());
}

TEST_F(FilledTreeTest, NextApplyIsSeen) {
    const Mounts mounts = prepare("a");
    const FilledTree tree = filled(mounts);
    const ApplyHold again = hold(mounts);
    EXPECT_FALSE(tree.is_untouched());
}

TEST_F(FilledTreeTest, MountIsSeenAlsoWhenItIsGone) {
    (void)prepare("a");
    commit("A", "a");
    const FilledTree tree = filled(prepare("b", "A"));
    test::make_tree(work_.path(), {test::dir("mnt")});
    const std::string work = options_.root + "/snapshots/2/work";
    {
        const test::OverlayMount mount({fs(1)}, fs(2), work, work_ / "mnt");
    }
    EXPECT_FALSE(tree.is_untouched());
}

TEST_F(FilledTreeTest, LayerThatLosesItsWhiteoutsAtCommitIsSeen) {
    const FilledTree tree =
        filled(prepare(test::kExtractKey, "", test::kUpperLayer), {.usage = {}, .whiteouts = 1});
    commit("A", test::kExtractKey);
    EXPECT_FALSE(tree.is_untouched());
}

TEST_F(FilledTreeTest, TreeThatOthersMayHaveTouchedCannotBeShared) {
    const Mounts asked = prepare("a");
    const ApplyHold first = hold(asked);
    ASSERT_TRUE(snapshotter_->mounts("a"));
    EXPECT_EQ(code_of(first.share()), ErrorCode::failed_precondition);

    const Mounts filled_before = prepare("b");
    test::write_file(fs(2) + "/before", "x");
    const ApplyHold second = hold(filled_before);
    EXPECT_EQ(code_of(second.share()), ErrorCode::failed_precondition);
}

} // namespace
} // namespace lamina
