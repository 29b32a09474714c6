// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/overlay_mount.h"

namespace lamina {
namespace {

using test::code_of;
using test::count_entries;
using test::eventually;

class StagedTreeTest : public test::SnapshotterTest {
  protected:
    void SetUp() override {
        SnapshotterTest::SetUp();
        if (snapshotter_) {
            (void)prepare("a");
            commit("A", "a");
        }
    }

    // A tree that holds a file.
    StagedTree stage() {
        auto tree = snapshotter_->stage_tree();
        EXPECT_TRUE(tree) << tree.error().message;
        test::write_file(tree->path() + "/ahead", "content");
        return *std::move(tree);
    }

    ApplyHold hold(const Mounts& mounts) {
        auto held = snapshotter_->hold_for_apply(mounts);
        EXPECT_TRUE(held) << held.error().message;
        return *std::move(held);
    }

    [[nodiscard]] bool nothing_left() const {
        return count_entries(options_.root + "/staging") == 0 &&
               count_entries(options_.root + "/trash") == 0;
    }

    // That the snapshot behind `mounts`, whose upper directory is `upper`, does not take a tree.
    void expect_refused(ApplyHold& held, const std::string& upper, long entries) {
        StagedTree tree = stage();
        EXPECT_EQ(code_of(held.adopt(tree)), ErrorCode::failed_precondition);
        EXPECT_EQ(count_entries(upper), entries);
        EXPECT_EQ(count_entries(tree.path()), 1);
    }
};

TEST_F(StagedTreeTest, TreeBecomesTheUpperDirectoryAndItsUsageTheSnapshots) {
    {
        ApplyHold held = hold(prepare("b", "A"));
        StagedTree tree = stage();
        const auto adopted = held.adopt(tree);
        ASSERT_TRUE(adopted) << adopted.error().message;
        EXPECT_EQ(count_entries(tree.path()), 0) << "the upper directory that was";
        AppliedTree claimed;
        claimed.usage = {1000, 4096}; // no tree has it: who answers it did not walk
        ASSERT_TRUE(held.succeed(claimed));
    }
    EXPECT_EQ(test::read_file(fs(2) + "/ahead"), "content");
    commit("B", "b");
    EXPECT_EQ(snapshotter_->usage("B")->inodes, 1000U);
    EXPECT_TRUE(eventually([&] { return nothing_left(); }));
}

TEST_F(StagedTreeTest, RootKeepsOwnerAndModeOfTheUpperDirectory) {
    const Mounts mounts = prepare("b", "A");
    ASSERT_EQ(::chown(fs(2).c_str(), 12, 34), 0);
    ASSERT_EQ(::chmod(fs(2).c_str(), 02750), 0);
    ApplyHold held = hold(mounts);
    StagedTree tree = stage();
    ASSERT_TRUE(held.adopt(tree));
    struct stat status{};
    ASSERT_EQ(::stat(fs(2).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 12U);
    EXPECT_EQ(status.st_gid, 34U);
    EXPECT_EQ(status.st_mode & 07777U, 02750U);
}

TEST_F(StagedTreeTest, AdoptedTreeCanBeDiscarded) {
    ApplyHold held = hold(prepare("b", "A"));
    StagedTree tree = stage();
    ASSERT_TRUE(held.adopt(tree));
    ASSERT_TRUE(held.discard());
    EXPECT_EQ(count_entries(fs(2)), 0);
}

TEST_F(StagedTreeTest, UpperDirectoryWithFilesIsNotReplaced) {
    const Mounts mounts = prepare("b", "A");
    test::write_file(fs(2) + "/there", "x");
    ApplyHold held = hold(mounts);
    expect_refused(held, fs(2), 1);
}

TEST_F(StagedTreeTest, UpperDirectoryThatIsOrWasMountedIsNotReplaced) {
    const Mounts mounts = prepare("b", "A");
    const std::string at = work_ / "mnt";
    ASSERT_EQ(::mkdir(at.c_str(), 0755), 0);
    ApplyHold held = hold(mounts);
    {
        const test::OverlayMount overlay({fs(1)}, fs(2), options_.root + "/snapshots/2/work", at);
        if (!overlay.mounted()) {
            GTEST_SKIP() << overlay.error();
        }
        expect_refused(held, fs(2), 0);
    }
    expect_refused(held, fs(2), 0);
}

TEST_F(StagedTreeTest, UpperDirectoryWhoseMountsSomebodyAskedForMeanwhileIsNotReplaced) {
    ApplyHold held = hold(prepare("b", "A"));
    ASSERT_TRUE(snapshotter_->mounts("b"));
    expect_refused(held, fs(2), 0);
}

TEST_F(StagedTreeTest, TreeThatNobodyTookIsDeleted) {
    const std::string path = stage().path();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(eventually([&] { return nothing_left(); }));
}

TEST_F(StagedTreeTest, TreeOfACrashedDaemonIsDeletedAtStart) {
    snapshotter_.reset();
    std::filesystem::create_directories(options_.root + "/staging/ahead-1/usr/share");
    reopen();
    EXPECT_TRUE(eventually([&] { return nothing_left(); }));
}

TEST_F(StagedTreeTest, HoldNamesTheParent) {
    EXPECT_EQ(hold(prepare("b", "A")).target().parent, "A");
    EXPECT_EQ(hold(prepare("c")).target().parent, "");
}

TEST_F(StagedTreeTest, FreeSpaceIsThatOfTheFilesystem) {
    const auto space = snapshotter_->free_space();
    ASSERT_TRUE(space) << space.error().message;
    EXPECT_EQ(space->bytes / (1 << 30),
              std::filesystem::space(options_.root).available / (1 << 30));
    EXPECT_GT(space->inodes, 0U);
}

} // namespace
} // namespace lamina
