// SPDX-License-Identifier: Apache-2.0
// What the place where layers are unpacked adds or takes away does not come into the image.
#include <filesystem>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

// u::rwx,u:1000:rwx,g::r-x,m::rwx,o::r-x (linux/posix_acl_xattr.h)
const std::string kAcl("\2\0\0\0"
                       "\1\0\7\0\xff\xff\xff\xff"
                       "\2\0\7\0\xe8\3\0\0"
                       "\4\0\5\0\xff\xff\xff\xff"
                       "\20\0\7\0\xff\xff\xff\xff"
                       "\40\0\5\0\xff\xff\xff\xff",
                       44);

class SquashScratch : public SquashTest {};

// As on every file that is unpacked where SELinux is on.
TEST_F(SquashScratch, LabelsOfTheHostAreLeftOut) {
    make_source({{file("base")},
                 {file("a", "a").xattr("security.selinux", "system_u:object_r:tmp_t:s0")},
                 {file("b", "b").xattr("user.k", "v").xattr("security.selinux", "x")}});
    const auto report = squash("2");
    ASSERT_TRUE(report) << report.error().message;
    const ImageSource after = open(temp_ / "result");
    const std::string shown = show_image(after, manifests_of(after).at(0)).mounted;
    EXPECT_EQ(shown.find("selinux"), std::string::npos) << shown;
    EXPECT_NE(shown.find("user.k"), std::string::npos) << shown;
}

// Unpacking passes over what a filesystem cannot hold, and the result would be without it.
TEST_F(SquashScratch, FilesystemThatLosesAttributesIsRefused) {
    make_source({{file("a").xattr("user.k", "v")}, {file("b")}});
    const std::string scratch = temp_ / "scratch";
    ASSERT_EQ(::mount("ramfs", scratch.c_str(), "ramfs", 0, nullptr), 0);
    const auto report = squash("all");
    EXPECT_TRUE(std::filesystem::is_empty(scratch));
    EXPECT_EQ(::umount(scratch.c_str()), 0);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::failed_precondition);
    EXPECT_NE(report.error().message.find("--tmp-dir"), std::string::npos)
        << report.error().message;
}

TEST_F(SquashScratch, NothingIsInheritedFromItsDirectory) {
    const std::string scratch = temp_ / "scratch";
    if (::setxattr(scratch.c_str(), "system.posix_acl_default", kAcl.data(), kAcl.size(), 0) != 0) {
        GTEST_SKIP() << "no ACLs here";
    }
    ASSERT_EQ(::chown(scratch.c_str(), 0, 1234), 0);
    ASSERT_EQ(::chmod(scratch.c_str(), 02755), 0);
    make_source({{dir("d"), dir("d/e"), file("d/e/f", "x")}, {file("b", "b")}});
    expect_same_tree_after_squash("all");
}

} // namespace
} // namespace lamina::test
