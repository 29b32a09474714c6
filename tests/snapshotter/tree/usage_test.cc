// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/snapshotter/tree/deep_tree.h"
#include "tests/support/temp_dir.h"
#include "unpacker/tree/remove_tree.h"
#include "unpacker/tree/usage.h"

namespace lamina {
namespace {

uint64_t blocks_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return static_cast<uint64_t>(status.st_blocks) * 512;
}

Usage usage_of(const std::string& path) {
    auto fd = open_directory(path);
    EXPECT_TRUE(fd);
    auto usage = measure_usage(fd->get());
    EXPECT_TRUE(usage) << usage.error().message;
    return usage.value_or(Usage{});
}

TEST(MeasureUsage, CountsTheRootDirectoryItself) {
    const test::TempDir dir;
    EXPECT_EQ(usage_of(dir.path()), (Usage{1, blocks_of(dir.path())}));
}

TEST(MeasureUsage, CountsEveryInodeOnce) {
    const test::TempDir dir;
    std::ofstream(dir / "file") << std::string(10'000, 'x');
    ASSERT_EQ(::mkdir((dir / "sub").c_str(), 0755), 0);
    ASSERT_EQ(::link((dir / "file").c_str(), (dir / "sub/same").c_str()), 0);
    const uint64_t bytes = blocks_of(dir.path()) + blocks_of(dir / "file") + blocks_of(dir / "sub");
    EXPECT_EQ(usage_of(dir.path()), (Usage{3, bytes}));
}

TEST(MeasureUsage, DoesNotFollowLinks) {
    const test::TempDir dir;
    ASSERT_EQ(::symlink("/usr", (dir / "link").c_str()), 0);
    EXPECT_EQ(usage_of(dir.path()).inodes, 2U);
}

TEST(MeasureUsage, DoesNotEnterOtherFilesystems) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "mnt").c_str(), 0755), 0);
    if (::mount("none", (dir / "mnt").c_str(), "tmpfs", 0, nullptr) != 0) {
        GTEST_SKIP() << "needs CAP_SYS_ADMIN to mount a tmpfs";
    }
    std::ofstream(dir / "mnt/file") << "x";
    const Usage usage = usage_of(dir.path());
    ASSERT_EQ(::umount((dir / "mnt").c_str()), 0);
    EXPECT_EQ(usage.inodes, 1U);
}

TEST(MeasureUsage, AnswersWhileDirectoriesAreMoved) {
    const test::TempDir dir;
    for (const char* name : {"a", "b"}) {
        ASSERT_EQ(::mkdir((dir / name).c_str(), 0755), 0);
    }
    test::make_deep_tree(dir / "a", 100); // a walk is in it most of the time
    std::jthread mover([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            ::rename((dir / "a/d").c_str(), (dir / "b/d").c_str());
            ::rename((dir / "b/d").c_str(), (dir / "a/d").c_str());
        }
    });
    for (int i = 0; i < 300; ++i) { // most of which meet a move
        EXPECT_GE(usage_of(dir.path()).inodes, 1U);
    }
}

TEST(MeasureUsage, NeedsFewDescriptorsForADeepTree) {
    const test::TempDir dir;
    test::make_deep_tree(dir.path(), 10'000);
    rlimit old_limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old_limit), 0);
    const rlimit few{32, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_EQ(usage_of(dir.path()).inodes, 10'001U);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old_limit), 0);
    EXPECT_TRUE(remove_tree(AT_FDCWD, dir / "d"));
}

} // namespace
} // namespace lamina
