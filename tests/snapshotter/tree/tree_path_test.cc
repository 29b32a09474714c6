// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"
#include "unpacker/tree/tree_path.h"
#include "unpacker/tree/xattrs.h"

namespace lamina::test {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

class TreePathTest : public testing::Test {
  protected:
    void SetUp() override {
        make_tree(dir_.path(), {dir("a"), dir("a/b"), dir("a/bc"), dir("a/b/c"), file("a/file"),
                                symlink("a", "link")});
        root_ = *open_directory(dir_.path());
    }

    // That the path stands at the directory of this name.
    [[nodiscard]] bool is_at(const TreePath& path, const std::string& name) const {
        struct stat here{};
        struct stat there{};
        return ::fstat(path.fd(), &here) == 0 && ::stat((dir_ / name).c_str(), &there) == 0 &&
               here.st_ino == there.st_ino;
    }

    TempDir dir_;
    Fd root_;
};

TEST_F(TreePathTest, GoesToDirectoriesInAnyOrder) {
    auto path = *TreePath::open(root_.get());
    for (const char* name : {"", "a/b/c", "a/bc", "a", "a/b", "", "a/b/c", "a/b/c"}) {
        ASSERT_TRUE(path.move_to(name)) << name;
        EXPECT_TRUE(is_at(path, name)) << name;
    }
}

TEST_F(TreePathTest, LinksAndFilesAreNoWay) {
    auto path = *TreePath::open(root_.get());
    EXPECT_FALSE(path.move_to("link/b"));
    EXPECT_FALSE(path.move_to("a/file"));
    EXPECT_TRUE(is_at(path, "a"));
    EXPECT_EQ(path.move_to("a/missing/c").error().code, ErrorCode::not_found);
    EXPECT_TRUE(path.move_to("a/b"));
    EXPECT_TRUE(is_at(path, "a/b"));
}

TEST_F(TreePathTest, DirectoryThatIsMovedMeanwhileLeadsNowhere) {
    auto path = *TreePath::open(root_.get());
    ASSERT_TRUE(path.move_to("a/b/c"));
    ASSERT_EQ(::rename((dir_ / "a/b/c").c_str(), (dir_ / "c").c_str()), 0);
    EXPECT_EQ(path.move_to("a").error().code, ErrorCode::aborted);
}

TEST(Xattrs, OfAnOpenFileAndByNameAreTheSame) {
    const TempDir dir;
    const std::string large(3000, 'v');
    make_tree(dir.path(),
              {file("f").xattr("user.a", "").xattr("user.large", large), symlink("f", "l")});
    const Fd root = *open_directory(dir.path());
    const Fd opened = *open_at(root.get(), "f", O_RDONLY);
    const auto by_fd = read_xattrs(opened.get());
    ASSERT_TRUE(by_fd) << by_fd.error().message;
    EXPECT_THAT(*by_fd, UnorderedElementsAre(Pair("user.a", ""), Pair("user.large", large)));
    EXPECT_EQ(*read_xattrs_at(root.get(), "f"), *by_fd);
    EXPECT_THAT(*read_xattrs_at(root.get(), "l"), testing::IsEmpty());
    EXPECT_EQ(read_xattrs_at(root.get(), "missing").error().code, ErrorCode::not_found);
}

} // namespace
} // namespace lamina::test
