// SPDX-License-Identifier: Apache-2.0
// Owner, mode, xattrs, times: what an entry's metadata becomes.
#include <cerrno>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

class Metadata : public ArchiveTest {
  protected:
    [[nodiscard]] struct stat status_of(const std::string& name) const {
        struct stat status{};
        EXPECT_EQ(lstat(at(name).c_str(), &status), 0) << name;
        return status;
    }
};
LAMINA_EVERY_WAY(Metadata);

TEST_P(Metadata, OfEveryTypeIsExact) {
    const Tree tree = {
        dir("d", 01777).owner(1, 2).mtime(1'400'000'000, 5),
        file("d/f", "x", 0600).owner(1000, 1001).mtime(1'400'000'001, 999'999'999),
        symlink("f", "d/link").owner(3, 4).mtime(1'400'000'002, 7),
        fifo("d/pipe", 0622).owner(5, 6).mtime(1'400'000'003),
        char_device("d/null", 1, 3, 0666).owner(7, 8).mtime(1'400'000'004),
        block_device("d/disk", 259, 70'000, 0640).owner(9, 10).mtime(1'400'000'005),
        file("d/big", "y").owner(3'000'000'000, 4'000'000'000).mtime(0, 1),
    };
    must_unpack(tree);
    TempDir expected;
    make_tree(expected.path(), {dir("root")});
    make_tree(expected / "root", tree);
    EXPECT_EQ(manifest_of_root(ManifestTimes::all), manifest(expected / "root"));
}

TEST_P(Metadata, SetIdBitsSurviveTheChangeOfOwner) {
    const Tree tree = {file("suid", "x", 04755).owner(1, 1), file("sgid", "x", 02755).owner(1, 1),
                       file("all", "x", 07777).owner(1, 1), dir("d", 07755).owner(1, 1)};
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Metadata, ModesDoNotDependOnTheUmask) {
    const Tree tree = {dir("d", 0777), file("d/f", "x", 0666), fifo("d/p", 0666),
                       char_device("d/c", 1, 3, 0666)};
    for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
        const mode_t before = umask(mask);
        const auto result = unpack(tar(tree));
        const auto implied = unpack(tar({file("implied/dir/f", "x")}));
        umask(before);
        ASSERT_TRUE(result) << result.error().message;
        ASSERT_TRUE(implied) << implied.error().message;
        EXPECT_EQ(status_of("d/f").st_mode & 07777, 0666U);
        EXPECT_EQ(status_of("d").st_mode & 07777, 0777U);
        EXPECT_EQ(status_of("d/p").st_mode & 07777, 0666U);
        EXPECT_EQ(status_of("d/c").st_mode & 07777, 0666U);
        EXPECT_EQ(status_of("implied/dir").st_mode & 07777, 0755U);
    }
}

// A set-group-ID directory passes its bit and group on to what mkdir(2) makes in it. containerd
// gives an implied directory its mode by chmod, so that it passes on no more.
TEST_P(Metadata, ImpliedDirectoryBelowASetGroupIdDirectoryHasNoSuchBit) {
    must_unpack({dir("s", 02755).owner(0, 7), file("s/a/b/f", "x")});
    EXPECT_EQ(status_of("s/a").st_mode & 07777, 0755U);
    EXPECT_EQ(status_of("s/a/b").st_mode & 07777, 0755U);
    EXPECT_EQ(status_of("s/a/b/f").st_gid, 0U);
}

TEST_P(Metadata, XattrMayBeEmpty) {
    must_unpack({file("f", "x").xattr("user.empty", "").xattr("user.full", "y")});
    expect_root_holds({file("f", "x").xattr("user.empty", "").xattr("user.full", "y")});
}

TEST_P(Metadata, LaterEntryOfADirectoryReplacesItsMetadata) {
    make_tree(root(), {dir("d", 0700).owner(1, 1), file("d/kept", "x")});
    must_unpack({dir("d", 0751).owner(2, 3)});
    expect_root_holds({dir("d", 0751).owner(2, 3), file("d/kept", "x")});
}

TEST_P(Metadata, OfARewrittenFileIsThatOfTheLastEntry) {
    must_unpack({file("f", "long content", 04755).owner(1, 2).xattr("user.old", "x"),
                 file("f", "short", 0600)});
    expect_root_holds({file("f", "short", 0600)});
}

TEST_P(Metadata, OfAHardLinkGoesToTheSharedInode) {
    must_unpack({file("a", "x", 0644).owner(1, 1).mtime(100),
                 hard_link("a", "b").mode(04711).owner(2, 2).mtime(200).xattr("user.k", "v")});
    const Entry first = read_entry(at("a"), "a");
    EXPECT_EQ(first.permission_bits, 04711U);
    EXPECT_EQ(first.uid, 2);
    EXPECT_EQ(first.mtime_seconds, 200);
    EXPECT_EQ(first.xattrs.at("user.k"), "v");
    EXPECT_EQ(first.content, "x");
}

TEST_P(Metadata, RootIsNeverChanged) {
    const std::string before = manifest_of_root();
    must_unpack({dir("./", 0700).owner(5, 5), dir(".", 0700), dir("/", 0700), dir("..", 0700),
                 dir("a/..", 0700), file(".", "x"), dir("", 0700)});
    EXPECT_EQ(status_of(".").st_mode & 07777, 0755U);
    EXPECT_EQ(status_of(".").st_uid, 0U);
    EXPECT_EQ(manifest_of_root().substr(0, before.size()), before);
}

TEST_P(Metadata, TimesOfDirectoriesAreNotChangedByTheirChildren) {
    must_unpack({dir("a").mtime(1000, 1), dir("a/b").mtime(2000, 2), file("a/b/f", "x"),
                 file("a/g", "x"), hard_link("a/g", "a/b/h"), whiteout("a/g")});
    EXPECT_EQ(status_of("a").st_mtim.tv_sec, 1000);
    EXPECT_EQ(status_of("a").st_mtim.tv_nsec, 1);
    EXPECT_EQ(status_of("a/b").st_mtim.tv_sec, 2000);
}

TEST_P(Metadata, TimesOutOfRangeBecomeTheEpoch) {
    must_unpack({file("negative").gnu().mtime(-1), file("late").gnu().mtime(9'223'372'037),
                 file("last").gnu().mtime(9'223'372'036), file("pax").pax("mtime", "-1.5"),
                 file("zero").mtime(0), file("far").pax("mtime", "99999999999"),
                 file("first").pax("mtime", "-9223372036854775808.5")});
    EXPECT_EQ(status_of("negative").st_mtim.tv_sec, 0);
    EXPECT_EQ(status_of("late").st_mtim.tv_sec, 0);
    EXPECT_EQ(status_of("last").st_mtim.tv_sec, 9'223'372'036);
    EXPECT_EQ(status_of("pax").st_mtim.tv_sec, 0);
    EXPECT_EQ(status_of("pax").st_mtim.tv_nsec, 0);
    EXPECT_EQ(status_of("zero").st_mtim.tv_sec, 0);
    EXPECT_EQ(status_of("far").st_mtim.tv_sec, 0);
    EXPECT_EQ(status_of("first").st_mtim.tv_sec, 0);
}

TEST_P(Metadata, AccessTimeIsTheLaterOfBothTimes) {
    must_unpack({file("later").mtime(1000).pax("atime", "2000.5"),
                 file("earlier").mtime(1000).pax("atime", "500"), file("none").mtime(1000)});
    EXPECT_EQ(status_of("later").st_atim.tv_sec, 2000);
    EXPECT_EQ(status_of("later").st_atim.tv_nsec, 500'000'000);
    EXPECT_EQ(status_of("earlier").st_atim.tv_sec, 1000);
    EXPECT_EQ(status_of("none").st_atim.tv_sec, 1000);
}

TEST_P(Metadata, FractionsOfSecondsArePaddedAndCut) {
    must_unpack({file("padded").pax("mtime", "7.5"), file("cut").pax("mtime", "7.1234567899"),
                 file("whole").pax("mtime", "7."), file("empty").mtime(8).pax("mtime", "")});
    EXPECT_EQ(status_of("padded").st_mtim.tv_nsec, 500'000'000);
    EXPECT_EQ(status_of("cut").st_mtim.tv_nsec, 123'456'789);
    EXPECT_EQ(status_of("whole").st_mtim.tv_nsec, 0);
    EXPECT_EQ(status_of("empty").st_mtim.tv_sec, 8);
}

// containerd's TestTarWithXattr.
class Xattr : public ArchiveTest {};
LAMINA_EVERY_WAY(Xattr);

TEST_P(Xattr, WithXattrsUser) {
    const Tree tree = {file("f", "x").xattr("user.key", "value"),
                       dir("d").xattr("user.key", std::string("a\0b=\n", 5))};
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Xattr, WithXattrSelinux) {
    const Tree tree = {
        file("f", "x").xattr("security.selinux", "unconfined_u:object_r:default_t:s0")};
    write_file(temp_ / "root/probe", "");
    if (lsetxattr(at("probe").c_str(), "security.selinux", "a", 1, 0) != 0) {
        GTEST_SKIP() << "the filesystem takes no security.selinux, errno " << errno;
    }
    unlink(at("probe").c_str());
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Xattr, FileCapabilitiesSurviveOwnerAndMode) {
    // vfs_cap_data revision 2 with cap_net_bind_service, capability.h.
    const std::string capability("\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    const Tree tree = {
        file("f", "x", 04755).owner(1000, 1000).xattr("security.capability", capability)};
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Xattr, TrustedOnesAreIgnored) {
    must_unpack({file("f", "x").xattr("trusted.key", "v"),
                 dir("d").xattr("trusted.overlay.opaque", "y").xattr("user.k", "v")});
    expect_root_holds({file("f", "x"), dir("d").xattr("user.k", "v")});
}

TEST_P(Xattr, UserOnesOfLinksAndPipesAreIgnored) {
    must_unpack({symlink("x", "link").xattr("user.key", "v"), fifo("pipe").xattr("user.key", "v"),
                 char_device("null", 1, 3).xattr("user.key", "v")});
    expect_root_holds({symlink("x", "link"), fifo("pipe"), char_device("null", 1, 3)});
}

TEST_P(Xattr, OtherVendorsRecordsAreIgnored) {
    must_unpack({file("f", "x")
                     .pax("LIBARCHIVE.xattr.user.key", "dmFsdWU=")
                     .pax("RHT.security.selinux", "x")
                     .pax("SCHILY.acl.access", "user::rw-")
                     .pax("SCHILY.fflags", "nodump")
                     .pax("GNU.unknown", "x")
                     .pax("comment", "x")});
    expect_root_holds({file("f", "x")});
}

TEST_P(Xattr, NamesUpToTheKernelsLimitWork) {
    const std::string name = "user." + std::string(250, 'n'); // XATTR_NAME_MAX is 255
    const Tree tree = {file("f", "x").xattr(name, "v")};
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Xattr, ImpossibleOneIsAnErrorThatNamesTheEntry) {
    auto result = unpack(tar({file("bad-entry", "x").xattr("nonsense.key", "v"), file("g")}));
    // The kernel has no such namespace: EOPNOTSUPP, which containerd ignores.
    EXPECT_TRUE(result);
    result = unpack(tar({file("bad-entry", "x").xattr("user." + std::string(300, 'n'), "v")}));
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("bad-entry"), std::string::npos)
        << result.error().message;
}

} // namespace
} // namespace lamina::test
