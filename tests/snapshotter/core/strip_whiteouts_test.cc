// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "snapshotter/core/strip_whiteouts.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

TEST(StripWhiteouts, RemovesWhiteoutsAndOpaqueMarksAndNothingElse) {
    const test::TempDir dir;
    ASSERT_EQ(::mkdir((dir / "sub").c_str(), 0755), 0);
    if (::mknod((dir / "sub/whiteout").c_str(), S_IFCHR, makedev(0, 0)) != 0 ||
        ::setxattr((dir / "sub").c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
        GTEST_SKIP() << "needs whiteouts and trusted attributes, that is root";
    }
    ASSERT_EQ(::setxattr(dir.path().c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    ASSERT_EQ(::setxattr((dir / "sub").c_str(), "trusted.kept", "y", 1, 0), 0);
    ASSERT_EQ(::mknod((dir / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    std::ofstream(dir / "sub/file") << "x";

    const timespec times[] = {{1, 2}, {3, 4}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (dir / "sub").c_str(), times, 0), 0);

    const auto root = open_directory(dir.path());
    ASSERT_TRUE(strip_whiteouts(root->get()));

    const auto exists = [&](const char* name) { return ::access((dir / name).c_str(), F_OK) == 0; };
    EXPECT_FALSE(exists("sub/whiteout"));
    EXPECT_TRUE(exists("sub/file"));
    EXPECT_TRUE(exists("null"));
    EXPECT_EQ(::getxattr((dir / "sub").c_str(), "trusted.overlay.opaque", nullptr, 0), -1);
    EXPECT_EQ(::getxattr(dir.path().c_str(), "trusted.overlay.opaque", nullptr, 0), -1);
    EXPECT_EQ(::getxattr((dir / "sub").c_str(), "trusted.kept", nullptr, 0), 1);
    struct stat sub{};
    ASSERT_EQ(::stat((dir / "sub").c_str(), &sub), 0);
    EXPECT_EQ(sub.st_mtim.tv_sec, 3);
    EXPECT_EQ(sub.st_mtim.tv_nsec, 4);
}

} // namespace
} // namespace lamina
