// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

using test::code_of;

// Mounts of this thread's own, which end with the test program at the latest.
class Discard : public test::SnapshotterTest {
  protected:
    void SetUp() override {
        if (!test::is_root()) {
            GTEST_SKIP() << "needs root: mounts";
        }
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            GTEST_SKIP() << "needs a mount namespace: " << std::strerror(errno);
        }
        SnapshotterTest::SetUp();
    }
    void TearDown() override {
        snapshotter_.reset();
        for (const auto& path : mounted_) {
            ::umount2(path.c_str(), MNT_DETACH);
        }
    }

    void mount(const std::string& source, const std::string& path, unsigned long flags,
               const char* data = nullptr) {
        ASSERT_EQ(::mount(source.c_str(), path.c_str(), "tmpfs", flags, data), 0);
        mounted_.insert(mounted_.begin(), path);
    }

    ApplyHold hold(const Mounts& mounts) {
        auto held = snapshotter_->hold_for_apply(mounts);
        EXPECT_TRUE(held) << held.error().message;
        return *std::move(held);
    }

  private:
    std::vector<std::string> mounted_;
};

TEST_F(Discard, EmptiesTheDirectoryOnAFullFilesystem) {
    snapshotter_.reset();
    mount("full", work_ / "", 0, "nr_inodes=100");
    reopen();
    const Mounts mounts = prepare("k");
    {
        ApplyHold held = hold(mounts);
        ASSERT_EQ(::setxattr(fs(1).c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
        ASSERT_EQ(::chmod(fs(1).c_str(), 0700), 0);
        int made = 0;
        while (::mkdir((fs(1) + "/" + std::to_string(made)).c_str(), 0755) == 0) {
            ++made;
        }
        ASSERT_EQ(errno, ENOSPC);
        ASSERT_GT(made, 10);
        const auto discarded = held.discard();
        ASSERT_TRUE(discarded) << discarded.error().message;
    }
    EXPECT_EQ(test::count_entries(fs(1)), 0);
    EXPECT_EQ(::getxattr(fs(1).c_str(), "trusted.overlay.opaque", nullptr, 0), -1);
    struct stat status{};
    ASSERT_EQ(::stat(fs(1).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
    EXPECT_TRUE(snapshotter_->hold_for_apply(mounts)) << "it cannot be tried again";
}

// A mount point can neither be exchanged nor removed.
TEST_F(Discard, SnapshotThatCannotBeEmptiedCanOnlyBeRemoved) {
    const Mounts mounts = prepare("k");
    mount(fs(1), fs(1), MS_BIND);
    ASSERT_EQ(::mkdir((fs(1) + "/half").c_str(), 0755), 0);
    mount("half", fs(1) + "/half", 0);
    EXPECT_FALSE(hold(mounts).discard());
    ASSERT_TRUE(snapshotter_->mounts("k")); // forgets what an Apply counted, but not this
    EXPECT_EQ(code_of(snapshotter_->commit("name", "k", {}, "")), ErrorCode::failed_precondition);
    EXPECT_EQ(code_of(snapshotter_->hold_for_apply(mounts)), ErrorCode::failed_precondition);
    EXPECT_TRUE(snapshotter_->remove("k"));
}

} // namespace
} // namespace lamina
