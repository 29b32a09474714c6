// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/snapshotter/tree/deep_tree.h"
#include "tests/support/temp_dir.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

bool exists(const std::string& path) {
    return ::faccessat(AT_FDCWD, path.c_str(), F_OK, 0) == 0;
}

TEST(RemoveTree, RemovesAFile) {
    const test::TempDir dir;
    std::ofstream(dir / "file") << "x";
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "file"));
    EXPECT_FALSE(exists(dir / "file"));
}

TEST(RemoveTree, MissingNameIsNoError) {
    const test::TempDir dir;
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "missing"));
}

TEST(RemoveTree, RemovesALinkAndLeavesItsTarget) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "target").c_str(), 0755), 0);
    std::ofstream(dir / "target/kept") << "x";
    ASSERT_EQ(::symlink((dir / "target").c_str(), (dir / "link").c_str()), 0);
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "link"));
    EXPECT_FALSE(exists(dir / "link"));
    EXPECT_TRUE(exists(dir / "target/kept"));
}

TEST(RemoveTree, RemovesATreeWithSiblingsAtEveryLevel) {
    const test::TempDir dir;
    const std::string levels[] = {"top", "top/a", "top/b", "top/a/c", "top/a/d", "top/b/e"};
    for (const auto& level : levels) {
        ASSERT_EQ(::mkdir((dir / level).c_str(), 0755), 0);
        std::ofstream(dir / level + "/file") << "x";
        ASSERT_EQ(::symlink("/usr", (dir / level + "/link").c_str()), 0);
    }
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "top"));
    EXPECT_FALSE(exists(dir / "top"));
    EXPECT_TRUE(exists("/usr"));
}

TEST(RemoveTree, NeedsFewDescriptorsForADeepTree) {
    const test::TempDir dir;
    test::make_deep_tree(dir.path(), 10'000);
    rlimit old_limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old_limit), 0);
    const rlimit few{32, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto removed = remove_tree(AT_FDCWD, dir / "d");
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old_limit), 0);
    EXPECT_TRUE(removed) << removed.error().message;
    EXPECT_FALSE(exists(dir / "d"));
}

TEST(RemoveTree, LeavesAMountedFilesystemAlone) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "top").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((dir / "top/mnt").c_str(), 0755), 0);
    if (::mount("none", (dir / "top/mnt").c_str(), "tmpfs", 0, nullptr) != 0) {
        GTEST_SKIP() << "needs CAP_SYS_ADMIN to mount a tmpfs";
    }
    std::ofstream(dir / "top/mnt/kept") << "x";
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(::mkdir((dir / "top/" + std::to_string(i)).c_str(), 0755), 0);
    }
    EXPECT_FALSE(remove_tree(AT_FDCWD, dir / "top"));
    EXPECT_TRUE(exists(dir / "top/mnt/kept"));
    ASSERT_EQ(::umount((dir / "top/mnt").c_str()), 0);
    ASSERT_EQ(::rmdir((dir / "top/mnt").c_str()), 0);
    EXPECT_EQ(::rmdir((dir / "top").c_str()), 0) << "more than the mount was left";
}

// chattr +i or -i.
bool set_immutable(const std::string& path, bool immutable) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const int flags = immutable ? FS_IMMUTABLE_FL : 0;
    return ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

TEST(RemoveTree, RemovesAllThatIsNotImmutableAndNamesWhatIs) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "top").c_str(), 0755), 0);
    for (int i = 0; i < 20; ++i) { // some on both sides, in whatever order they are listed
        const std::string sub = dir / "top/" + std::to_string(i);
        ASSERT_EQ(::mkdir(sub.c_str(), 0755), 0);
        std::ofstream(sub + "/file") << "x";
    }
    const std::string stuck = dir / "top/10/file";
    if (!set_immutable(stuck, true)) {
        GTEST_SKIP() << "needs chattr +i in " << dir.path();
    }
    const auto removed = remove_tree(AT_FDCWD, dir / "top");
    EXPECT_TRUE(exists(stuck));
    EXPECT_TRUE(set_immutable(stuck, false));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().sys_errno, EPERM) << removed.error().message;
    ASSERT_EQ(::unlink(stuck.c_str()), 0);
    ASSERT_EQ(::rmdir((dir / "top/10").c_str()), 0);
    EXPECT_EQ(::rmdir((dir / "top").c_str()), 0) << "more than the immutable file was left";
}

TEST(RemoveTree, StoppedRemovalSaysCanceledAndCanGoOn) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "top").c_str(), 0755), 0);
    std::ofstream(dir / "top/file") << "x";
    std::stop_source stop;
    stop.request_stop();
    const auto stopped = remove_tree(AT_FDCWD, dir / "top", stop.get_token());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::canceled);
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "top"));
    EXPECT_FALSE(exists(dir / "top"));
}

} // namespace
} // namespace lamina
