// SPDX-License-Identifier: Apache-2.0
// Whiteouts that delete. Names of the first part after containerd's TestBreakouts.
#include <gtest/gtest.h>

#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

class Whiteout : public ArchiveTest {};
LAMINA_EVERY_WAY(Whiteout);

constexpr auto kInvalid = ErrorCode::invalid_argument;

TEST_P(Whiteout, WhiteoutRootParent) {
    must_fail(tar({file(".wh...")}), kInvalid, ".wh...");
}

TEST_P(Whiteout, WhiteoutParent) {
    must_fail(tar({dir("etc"), file("etc/passwd"), file("etc/.wh...")}), kInvalid, "etc/.wh...");
}

TEST_P(Whiteout, WhiteoutRoot) {
    must_fail(tar({dir("etc"), file(".wh..")}), kInvalid, ".wh..");
}

TEST_P(Whiteout, WhiteoutCurrentDirectory) {
    must_fail(tar({dir("etc"), file("etc/.wh..")}), kInvalid, "etc/.wh..");
}

TEST_P(Whiteout, WhiteoutOfAnEmptyName) {
    must_fail(tar({dir("etc"), file("etc/.wh.")}), kInvalid, "etc/.wh.");
}

TEST_P(Whiteout, WhiteoutSymlink) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), symlink("/etc", "localetc"),
                 file(".wh.localetc")});
    expect_root_holds({dir("etc"), file("etc/passwd", "all users")});
}

TEST_P(Whiteout, WhiteoutSymlinkPath) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), file("etc/whitedout", "x"),
                 symlink("/etc", "localetc"), file("localetc/.wh.whitedout")});
    expect_root_holds({dir("etc"), file("etc/passwd", "all users"), symlink("/etc", "localetc")});
}

TEST_P(Whiteout, WhiteoutDirectoryName) {
    must_unpack({dir(".wh.etc"), file(".wh.etc/somefile", "x"), dir("etc"), file("etc/f", "y")});
    // The directory entry itself is a whiteout of "etc", as in containerd; the file below it is a
    // file, in a directory that its name implies.
    EXPECT_EQ(read_file(at(".wh.etc/somefile")), "x");
    EXPECT_EQ(read_file(at("etc/f")), "y");
}

TEST_P(Whiteout, WhiteoutDeadSymlinkParent) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), symlink("/dne", "localetc"),
                 file("localetc/.wh.etc")});
    EXPECT_EQ(read_file(at("etc/passwd")), "all users");
}

TEST_P(Whiteout, WhiteoutRelativePath) {
    must_unpack({dir("etc"), file("etc/passwd", "all users"), file("dne/../.wh.etc")});
    expect_root_holds({});
}

TEST_P(Whiteout, RemovesAWholeTreeOfAnEarlierLayer) {
    make_tree(root(), {dir("etc"), dir("etc/d"), file("etc/d/f"), file("etc/kept", "x")});
    must_unpack({whiteout("etc/d")});
    expect_root_holds({dir("etc"), file("etc/kept", "x")});
}

TEST_P(Whiteout, RemovesWhatTheSameArchiveMade) {
    must_unpack({dir("etc"), file("etc/f", "x"), whiteout("etc/f"), dir("d"), file("d/g", "y"),
                 whiteout("d")});
    expect_root_holds({dir("etc")});
}

TEST_P(Whiteout, ThenTheSameNameAgain) {
    make_tree(root(), {dir("d"), file("d/old", "x")});
    must_unpack({whiteout("d"), dir("d", 0700), file("d/new", "y")});
    expect_root_holds({dir("d", 0700), file("d/new", "y")});
}

TEST_P(Whiteout, OfANameThatIsNotThereIsNoError) {
    must_unpack({dir("etc"), whiteout("etc/nothing"), whiteout("etc/nothing")});
    expect_root_holds({dir("etc")});
}

TEST_P(Whiteout, DoesNotFollowTheNameItRemoves) {
    must_unpack({file("target", "kept"), symlink("target", "link"), whiteout("link")});
    expect_root_holds({file("target", "kept")});
}

TEST_P(Whiteout, RemovedDirectoryEntryIsNoErrorAtTheEnd) {
    must_unpack({dir("a"), dir("a/b"), whiteout("a"), dir("c"), file("c", "now a file")});
    expect_root_holds({file("c", "now a file")});
}

TEST_P(Whiteout, AufsNamesAreOrdinaryWhiteouts) {
    make_tree(root(), {dir(".wh.plnk"), file(".wh.aufs"), file(".wh.orph"), file("f")});
    must_unpack({file(".wh..wh.plnk"), file(".wh..wh.aufs"), file(".wh..wh.orph")});
    expect_root_holds({file("f")});
}

TEST_P(Whiteout, TypeOfTheEntryDoesNotMatter) {
    make_tree(root(), {file("a"), file("b"), file("c"), file("d", "x")});
    must_unpack({dir(".wh.a"), symlink("x", ".wh.b"), char_device(".wh.c", 1, 3)});
    expect_root_holds({file("d", "x")});
}

class Opaque : public ArchiveTest {
  protected:
    void prepare() override {
        make_tree(root(), {dir("d"), file("d/old", "x"), dir("d/sub"), file("d/sub/old", "x"),
                           file("beside", "x")});
    }
};
LAMINA_EVERY_WAY(Opaque);

TEST_P(Opaque, RemovesWhatEarlierLayersPutThere) {
    must_unpack({opaque("d")});
    expect_root_holds({dir("d"), file("beside", "x")});
}

TEST_P(Opaque, KeepsWhatTheSameArchiveMadeBefore) {
    must_unpack({file("d/new", "y"), dir("d/dir"), file("d/dir/f", "z"), opaque("d")});
    expect_root_holds(
        {dir("d"), file("d/new", "y"), dir("d/dir"), file("d/dir/f", "z"), file("beside", "x")});
}

TEST_P(Opaque, KeepsWhatTheSameArchiveMakesAfter) {
    must_unpack({opaque("d"), file("d/new", "y"), dir("d/dir"), file("d/dir/f", "z")});
    expect_root_holds(
        {dir("d"), file("d/new", "y"), dir("d/dir"), file("d/dir/f", "z"), file("beside", "x")});
}

// containerd removes such a directory and the archive's own files in it; the OCI rule is that an
// opaque whiteout hides lower layers only (image-spec layer.md, "Opaque Whiteout").
TEST_P(Opaque, KeepsDirectoriesThatAreOnlyImplied) {
    must_unpack({file("d/implied/f", "y"), opaque("d")});
    expect_root_holds({dir("d"), dir("d/implied"), file("d/implied/f", "y"), file("beside", "x")});
}

TEST_P(Opaque, ReachesIntoKeptDirectories) {
    must_unpack({dir("d/sub"), file("d/sub/new", "y"), opaque("d")});
    expect_root_holds({dir("d"), dir("d/sub"), file("d/sub/new", "y"), file("beside", "x")});
}

TEST_P(Opaque, KeepsARewrittenFile) {
    must_unpack({file("d/old", "rewritten"), opaque("d")});
    expect_root_holds({dir("d"), file("d/old", "rewritten"), file("beside", "x")});
}

TEST_P(Opaque, OfTheRoot) {
    must_unpack({file("new", "y"), opaque("")});
    expect_root_holds({file("new", "y")});
}

TEST_P(Opaque, ThroughALinkActsOnItsTarget) {
    make_tree(root(), {symlink("d", "link")});
    must_unpack({file("link/.wh..wh..opq")});
    expect_root_holds({dir("d"), symlink("d", "link"), file("beside", "x")});
}

TEST_P(Opaque, TwiceIsFine) {
    must_unpack({opaque("d"), file("d/new", "y"), opaque("d")});
    expect_root_holds({dir("d"), file("d/new", "y"), file("beside", "x")});
}

TEST_P(Opaque, KeepsAHardLinkOfTheArchive) {
    must_unpack({file("d/new", "y"), hard_link("d/new", "d/new2"), opaque("d")});
    expect_root_holds(
        {dir("d"), file("d/new", "y"), hard_link("d/new", "d/new2"), file("beside", "x")});
}

} // namespace
} // namespace lamina::test
