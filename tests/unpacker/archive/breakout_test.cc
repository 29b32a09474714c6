// SPDX-License-Identifier: Apache-2.0
// Names and cases after containerd's TestBreakouts (pkg/archive/tar_test.go).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

class Breakouts : public ArchiveTest {
  protected:
    // True when both names, below the root, are one inode; links are not followed.
    [[nodiscard]] bool same_inode(const std::string& a, const std::string& b) const {
        struct stat first{};
        struct stat second{};
        return lstat(at(a).c_str(), &first) == 0 && lstat(at(b).c_str(), &second) == 0 &&
               first.st_ino == second.st_ino && first.st_dev == second.st_dev;
    }

    void expect_file(const std::string& name, const std::string& content) {
        ASSERT_TRUE(exists(at(name)));
        EXPECT_EQ(read_entry(at(name), name).content, content);
    }

    void expect_link(const std::string& name, const std::string& target) {
        ASSERT_TRUE(exists(at(name)));
        EXPECT_EQ(read_entry(at(name), name).link, target);
    }
};

LAMINA_EVERY_WAY(Breakouts);

TEST_P(Breakouts, SymlinkAbsolute) {
    must_unpack({dir("etc"), symlink("/etc", "localetc"), file("localetc/unbroken", "in")});
    expect_file("etc/unbroken", "in");
}

TEST_P(Breakouts, SymlinkAbsoluteToTheRealOutside) {
    must_unpack({symlink(outside() + "/etc", "out"), file("out/passwd", "in")});
    expect_file(outside().substr(1) + "/etc/passwd", "in");
}

TEST_P(Breakouts, SymlinkUpAndOut) {
    must_unpack({dir("etc"), dir("dummy"), symlink("/dummy/../etc", "localetc"),
                 file("localetc/unbroken", "in")});
    expect_file("etc/unbroken", "in");
    must_unpack({symlink("../outside/etc", "out"), file("out/passwd", "in")});
    expect_file("outside/etc/passwd", "in");
}

TEST_P(Breakouts, SymlinkMultipleAbsolute) {
    must_unpack({dir("etc"), dir("dummy"), symlink("/etc", "dummy/etc"),
                 symlink("/dummy/etc", "localetc"), file("localetc/unbroken", "in")});
    expect_file("etc/unbroken", "in");
}

TEST_P(Breakouts, SymlinkMultipleRelative) {
    must_unpack({dir("etc"), dir("dummy"), symlink("/etc", "dummy/etc"),
                 symlink("./dummy/etc", "localetc"), file("localetc/unbroken", "in")});
    expect_file("etc/unbroken", "in");
}

TEST_P(Breakouts, SymlinkEmptyFile) {
    must_unpack({dir("etc"), file("etc/emptied", "notempty"), symlink("/etc", "localetc"),
                 file("localetc/emptied", "")});
    expect_file("etc/emptied", "");
}

TEST_P(Breakouts, HardlinkRelative) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), dir("breakouts"),
                 symlink("../../etc", "breakouts/d1"),
                 hard_link("../etc/passwd", "breakouts/d1/passwd-link")});
    EXPECT_TRUE(same_inode("etc/passwd-link", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkDownAndOut) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), dir("breakouts"), dir("downandout"),
                 hard_link("../downandout/../etc/passwd", "breakouts/link")});
    EXPECT_TRUE(same_inode("breakouts/link", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkAbsolute) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), symlink("/", "localroot"),
                 hard_link("/localroot/etc/passwd", "localpasswd")});
    EXPECT_TRUE(same_inode("localpasswd", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkRelativeLong) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"),
                 symlink("../../../../../../../etc", "localetc"),
                 hard_link("/localetc/passwd", "localpasswd")});
    EXPECT_TRUE(same_inode("localpasswd", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkRelativeUpAndOut) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"),
                 symlink("upandout/../../../etc", "localetc"),
                 hard_link("/localetc/passwd", "localpasswd")});
    EXPECT_TRUE(same_inode("localpasswd", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkDirectRelative) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"),
                 hard_link("../../../../../etc/passwd", "localpasswd")});
    EXPECT_TRUE(same_inode("localpasswd", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkDirectAbsolute) {
    must_unpack(
        {dir("etc"), file("etc/passwd", "all users"), hard_link("/etc/passwd", "localpasswd")});
    EXPECT_TRUE(same_inode("localpasswd", "etc/passwd"));
}

TEST_P(Breakouts, HardlinkToTheRealOutside) {
    must_fail(tar({hard_link(outside() + "/etc/passwd", "stolen")}), ErrorCode::not_found,
              "stolen");
    must_fail(tar({hard_link("../outside/etc/passwd", "stolen")}), ErrorCode::not_found, "stolen");
    EXPECT_FALSE(exists(at("stolen")));
}

TEST_P(Breakouts, HardlinkSymlinkBeforeCreateTarget) {
    must_unpack({dir("etc"), symlink("/etc/passwd", "localpasswd"),
                 hard_link("localpasswd", "localpasswd-dup"), file("etc/passwd", "after")});
    expect_link("localpasswd-dup", "/etc/passwd");
    EXPECT_TRUE(same_inode("localpasswd", "localpasswd-dup"));
}

TEST_P(Breakouts, HardlinkSymlinkRelative) {
    must_unpack({dir("etc"), file("etc/passwd", "inside"),
                 symlink("../../../../../etc/passwd", "passwdlink"),
                 hard_link("/passwdlink", "localpasswd")});
    expect_link("localpasswd", "../../../../../etc/passwd");
    EXPECT_TRUE(same_inode("passwdlink", "localpasswd"));
}

TEST_P(Breakouts, HardlinkSymlinkAbsolute) {
    must_unpack({dir("etc"), file("etc/passwd", "inside"), symlink("/etc/passwd", "passwdlink"),
                 hard_link("/passwdlink", "localpasswd")});
    expect_link("localpasswd", "/etc/passwd");
    EXPECT_TRUE(same_inode("passwdlink", "localpasswd"));
}

TEST_P(Breakouts, HardlinkSymlinkChmod) {
    // The entry's mode must reach neither the target inside nor the one outside of the root.
    must_unpack({symlink(outside() + "/etc/passwd", "out"), hard_link("out", "dup").mode(0)});
    expect_link("dup", outside() + "/etc/passwd");
    must_unpack({file("target", "in", 0640), symlink("target", "link"),
                 hard_link("link", "link2").mode(0777)});
    EXPECT_EQ(read_entry(at("target"), "target").permission_bits, 0640U);
}

TEST_P(Breakouts, SymlinkParentDirectory) {
    must_unpack({dir("etc"), symlink("/etc", "..")});
    expect_root_holds({dir("etc")});
}

TEST_P(Breakouts, SymlinkEmptyFilename) {
    must_unpack({dir("etc"), symlink("/etc", "")});
    expect_root_holds({dir("etc")});
}

TEST_P(Breakouts, SymlinkParentRelative) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), dir("etc/sub"),
                 symlink("/etc", "localetc"), file("localetc/sub/../passwd", "new users")});
    expect_file("etc/passwd", "new users");
}

TEST_P(Breakouts, SymlinkSlashEnded) {
    must_unpack({dir("etc"), dir("localetc/"), dir("localetc/sub/"), file("localetc/sub/f", "in")});
    expect_file("localetc/sub/f", "in");
}

TEST_P(Breakouts, SymlinkOverrideDirectory) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), dir("localetc"),
                 symlink("/etc", "localetc"), file("localetc/passwd", "new users")});
    expect_link("localetc", "/etc");
    expect_file("etc/passwd", "new users");
}

TEST_P(Breakouts, SymlinkOverrideDirectoryRelative) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), dir("localetc"),
                 file("localetc/gone", "x"), symlink("../../etc", "localetc"),
                 file("localetc/passwd", "new users")});
    expect_link("localetc", "../../etc");
    expect_root_holds(
        {dir("etc"), file("etc/passwd", "new users"), symlink("../../etc", "localetc")});
}

TEST_P(Breakouts, DirectoryOverrideSymlink) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), symlink("/etc", "localetc"),
                 dir("localetc"), file("localetc/passwd", "local users")});
    expect_root_holds({dir("etc"), file("etc/passwd", "all users"), dir("localetc"),
                       file("localetc/passwd", "local users")});
}

TEST_P(Breakouts, DirectoryOverrideSymlinkAndHardlink) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), symlink("etc", "localetc"),
                 hard_link("etc/passwd", "localpasswd"), dir("localetc"),
                 file("localetc/passwd", "local users")});
    EXPECT_TRUE(same_inode("etc/passwd", "localpasswd"));
    EXPECT_FALSE(same_inode("etc/passwd", "localetc/passwd"));
    expect_file("etc/passwd", "all users");
}

TEST_P(Breakouts, SymlinkOverridePath) {
    must_unpack({dir("etc"), file("etc/passwd", "first"), dir("a"), dir("a/etc"),
                 file("a/etc/passwd", "second"), symlink("/", "a"), file("a/etc/passwd", "third"),
                 dir("a"), dir("a/etc"), file("a/etc/passwd", "fourth")});
    expect_file("etc/passwd", "third");
    expect_root_holds({dir("a"), dir("a/etc"), file("a/etc/passwd", "fourth"), dir("etc"),
                       file("etc/passwd", "third")});
}

TEST_P(Breakouts, AbsoluteNamesAreBelowTheRoot) {
    must_unpack({dir("/etc"), file("/etc/passwd", "in"), file("//etc//hosts", "in")});
    expect_root_holds({dir("etc"), file("etc/passwd", "in"), file("etc/hosts", "in")});
}

TEST_P(Breakouts, DotDotNamesAreClampedAtTheRoot) {
    must_unpack(
        {dir("outside"), file("../outside/file", "in"), file("a/../../outside/etc/passwd", "in")});
    expect_root_holds({dir("outside"), file("outside/file", "in"), dir("outside/etc"),
                       file("outside/etc/passwd", "in")});
}

TEST_P(Breakouts, ReplacedLinkIsNotWrittenThrough) {
    must_unpack({file("target", "kept"), symlink("target", "name"), file("name", "new")});
    expect_root_holds({file("target", "kept"), file("name", "new")});
}

} // namespace
} // namespace lamina::test
