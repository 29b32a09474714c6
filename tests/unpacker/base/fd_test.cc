// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

using test::TempDir;

TEST(Fd, OwnsAndClosesOneDescriptor) {
    TempDir temp;
    const size_t before = test::count_descriptors();
    {
        auto opened = open_directory(temp.path());
        ASSERT_TRUE(opened);
        EXPECT_EQ(test::count_descriptors(), before + 1);
        Fd moved = std::move(*opened);
        EXPECT_FALSE(opened->valid());
        EXPECT_TRUE(moved.valid());
        moved = Fd();
        EXPECT_EQ(test::count_descriptors(), before);
    }
    EXPECT_EQ(test::count_descriptors(), before);
}

TEST(Fd, CloseReportsADescriptorThatIsNotOpen) {
    TempDir temp;
    auto opened = open_directory(temp.path());
    ASSERT_TRUE(opened);
    ASSERT_EQ(::close(opened->get()), 0);
    const auto closed = opened->close();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().sys_errno, EBADF);
    EXPECT_FALSE(opened->valid());
    EXPECT_TRUE(opened->close());
}

TEST(Fd, OpensWithCloseOnExec) {
    TempDir temp;
    auto opened = open_file(temp / "f", O_CREAT | O_WRONLY, 0600);
    ASSERT_TRUE(opened);
    EXPECT_NE(fcntl(opened->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Fd, OpenDirectoryDoesNotFollowALastLink) {
    TempDir temp;
    test::make_tree(temp.path(), {test::dir("d"), test::symlink("d", "link"), test::file("f")});
    EXPECT_TRUE(open_directory(temp / "d"));
    EXPECT_FALSE(open_directory(temp / "link"));
    EXPECT_FALSE(open_directory(temp / "f"));
}

TEST(Fd, OpenNamesWhatIsNotThere) {
    auto opened = open_file("/nonexistent/file", O_RDONLY);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::not_found);
    EXPECT_EQ(opened.error().message, "open /nonexistent/file: No such file or directory");
}

} // namespace
} // namespace lamina
