// SPDX-License-Identifier: Apache-2.0
// Whiteouts and implied directories of an overlay's upper directory, as the kernel shows them.
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/overlay_mount.h"
#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

constexpr auto kInvalid = ErrorCode::invalid_argument;

// One lower directory, temp/lower.
class Overlay : public ArchiveTest {
  protected:
    void prepare() override {
        make_tree(temp_.path(), {dir("lower"), dir("far"), dir("work")});
        make_tree(lower(),
                  {dir("d", 0750).owner(3, 4).mtime(1'300'000'000, 9), file("d/f", "low"),
                   dir("d/sub", 0711).owner(5, 6).mtime(1'200'000'000).xattr("user.k", "v"),
                   file("d/sub/g", "low"), file("plain", "low"), symlink("d", "link")});
        make_tree(far(), {dir("d", 0700).owner(8, 8), dir("only-far", 0705).owner(9, 9)});
    }

    [[nodiscard]] std::string lower() const { return temp_ / "lower"; }
    [[nodiscard]] std::string far() const { return temp_ / "far"; }

    void apply(const Tree& entries) { must_unpack_overlay(entries, {lower(), far()}); }

    // Names below `directory` that the merged mount shows, with blanks between them.
    std::string merged_names(const std::string& directory) {
        OverlayMount merged({root(), lower()}, temp_ / "merged");
        EXPECT_TRUE(merged.mounted()) << merged.error();
        std::string names;
        for (const Entry& entry : read_tree(merged.path() + "/" + directory)) {
            names += (names.empty() ? "" : " ") + entry.name;
        }
        return names;
    }

    void TearDown() override {
        rmdir((temp_ / "merged").c_str());
        ArchiveTest::TearDown();
    }

    [[nodiscard]] bool is_opaque(const std::string& name) const {
        const auto xattrs = read_entry(at(name), name).xattrs;
        const auto found = xattrs.find("trusted.overlay.opaque");
        return found != xattrs.end() && found->second == "y";
    }
};
LAMINA_EVERY_WAY(Overlay);

TEST_P(Overlay, WhiteoutIsACharacterDeviceOfTheEntrysOwner) {
    apply({dir("d", 0755), file("d/.wh.f").owner(7, 8)});
    const Entry node = read_entry(at("d/f"), "f");
    EXPECT_EQ(node.type, '3');
    EXPECT_EQ(node.device_major, 0);
    EXPECT_EQ(node.device_minor, 0);
    EXPECT_EQ(node.permission_bits, 0U);
    EXPECT_EQ(node.uid, 7);
    EXPECT_EQ(node.gid, 8);
    EXPECT_FALSE(exists(at("d/.wh.f")));
    EXPECT_EQ(merged_names("d"), "sub sub/g");
}

TEST_P(Overlay, WhiteoutHidesDirectoriesAndLinks) {
    apply({whiteout("d"), whiteout("link"), whiteout("not-there")});
    EXPECT_EQ(merged_names(""), "plain");
}

TEST_P(Overlay, OpaqueHidesWhatLiesBelow) {
    apply({dir("d"), opaque("d"), file("d/new", "x")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, OpaqueAfterItsContentKeepsIt) {
    apply({dir("d"), file("d/new", "x"), dir("d/sub"), file("d/sub/h", "y"), opaque("d")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_FALSE(is_opaque("d/sub"));
    EXPECT_EQ(merged_names("d"), "new sub sub/h");
}

TEST_P(Overlay, OpaqueImpliesItsDirectory) {
    apply({opaque("d")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "");
}

TEST_P(Overlay, OpaqueSurvivesALaterEntryOfItsDirectory) {
    apply({opaque("d"), dir("d", 0700)});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(read_entry(at("d"), "d").permission_bits, 0700U);
}

TEST_P(Overlay, WhiteoutAndFileOfTheSameNameInEitherOrder) {
    apply({file("d/f", "new"), whiteout("d/f"), whiteout("plain"), file("plain", "new")});
    EXPECT_EQ(read_file(at("d/f")), "new");
    EXPECT_EQ(read_file(at("plain")), "new");
}

TEST_P(Overlay, WhiteoutBeforeADirectoryMakesItOpaque) {
    apply({whiteout("d"), dir("d"), file("d/new", "x")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, WhiteoutAfterADirectoryMakesItOpaque) {
    apply({dir("d"), file("d/new", "x"), whiteout("d")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, WhiteoutBeforeAnImpliedDirectoryMakesItOpaque) {
    apply({whiteout("d"), file("d/new", "x")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, WhiteoutAfterAnImpliedDirectoryMakesItOpaque) {
    apply({file("d/new", "x"), whiteout("d")});
    EXPECT_TRUE(is_opaque("d"));
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, DuplicateWhiteoutsAreFine) {
    apply({whiteout("plain"), whiteout("plain"), opaque("d"), opaque("d"), dir("d/sub"),
           opaque("d/sub"), whiteout("link"), whiteout("link")});
    EXPECT_EQ(merged_names(""), "d d/sub");
}

// The kernel takes no notice of an opaque mark on the root of a layer.
TEST_P(Overlay, OpaqueRootHidesEverythingBelowByName) {
    apply({opaque("."), whiteout("plain"), file("d/new", "x"), file("d/.wh.f"), file("top", "y")});
    EXPECT_EQ(merged_names(""), "d d/new top");
    EXPECT_TRUE(is_opaque("d"));
}

TEST_P(Overlay, OpaqueRootCountsWhateverComesFirst) {
    apply({file("d/sub/new", "x"), opaque(".")});
    EXPECT_EQ(merged_names(""), "d d/sub d/sub/new");
}

TEST_P(Overlay, OpaqueMarkOnALowerRootHidesNothing) {
    ASSERT_EQ(setxattr(far().c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    must_unpack_overlay({file("d/sub/new", "x")}, {far(), lower()});
    EXPECT_EQ(read_entry(at("d/sub"), "sub").permission_bits, 0711U);
}

TEST_P(Overlay, ImpliedDirectoryThatIsOpaqueKeepsTheMetadataOfTheOneBelow) {
    apply({opaque("d"), file("d/new", "x")});
    EXPECT_EQ(read_entry(at("d"), "d").permission_bits, 0750U);
    EXPECT_EQ(merged_names("d"), "new");
}

// The kernel does not look for whiteouts where nothing lies below: it would list the device.
TEST_P(Overlay, WhiteoutInAnOpaqueDirectoryIsNotSeen) {
    apply({dir("d"), opaque("d"), whiteout("d/f"), file("d/new", "x")});
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, OpaqueAfterAWhiteoutInItsDirectoryHidesTheWhiteoutToo) {
    apply({dir("d"), whiteout("d/f"), file("d/new", "x"), opaque("d")});
    EXPECT_EQ(merged_names("d"), "new");
}

TEST_P(Overlay, WhiteoutDeepBelowAnOpaqueDirectoryIsNotSeen) {
    apply({whiteout("d/sub/g"), opaque("d"), file("d/sub/new", "x")});
    EXPECT_EQ(merged_names("d"), "sub sub/new");
}

TEST_P(Overlay, WhiteoutsOfOtherTypesOfNodes) {
    apply({symlink("x", "plain"), whiteout("plain"), fifo("link"), whiteout("link")});
    EXPECT_EQ(read_entry(at("plain"), "p").type, '2');
    EXPECT_EQ(read_entry(at("link"), "l").type, '6');
}

TEST_P(Overlay, HardLinkMayTakeThePlaceOfAWhiteout) {
    apply({file("new", "x"), whiteout("plain"), hard_link("new", "plain")});
    EXPECT_EQ(read_file(at("plain")), "x");
}

TEST_P(Overlay, InvalidWhiteoutsAreErrors) {
    for (const char* name : {".wh...", ".wh..", ".wh.", "d/.wh..", "d/.wh..."}) {
        SCOPED_TRACE(name);
        const auto result = unpack_overlay(tar({file(name)}), {lower()});
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, kInvalid) << result.error().message;
    }
}

TEST_P(Overlay, LowerDirectoriesAreNeverWritten) {
    const std::string before = manifest(lower()) + manifest(far());
    apply({opaque("d"), file("d/sub/new", "x"), whiteout("plain"), dir("only-far/x")});
    EXPECT_EQ(manifest(lower()) + manifest(far()), before);
}

TEST_P(Overlay, HardLinkToAFileOfALowerLayerFails) {
    const auto result = unpack_overlay(tar({hard_link("plain", "dup")}), {lower()});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found) << result.error().message;
}

TEST_P(Overlay, ReportCountsWhiteoutsAndOpaqueMarks) {
    const auto result =
        unpack_overlay(tar({dir("d"), opaque("d"), whiteout("plain"), file("x")}), {lower()});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->whiteouts, 2U);
    const auto opened = open_directory(root());
    ASSERT_TRUE(opened);
    EXPECT_EQ(result->usage, *measure_usage(opened->get()));
}

TEST_P(Overlay, ImpliedDirectoryIsAsInTheNearestLowerdir) {
    apply({file("d/sub/new", "x")});
    const Entry parent = read_entry(at("d"), "d");
    EXPECT_EQ(parent.permission_bits, 0750U);
    EXPECT_EQ(parent.uid, 3);
    EXPECT_EQ(parent.gid, 4);
    EXPECT_EQ(parent.mtime_seconds, 1'300'000'000);
    EXPECT_EQ(parent.mtime_nanoseconds, 9U);
    const Entry child = read_entry(at("d/sub"), "sub");
    EXPECT_EQ(child.permission_bits, 0711U);
    EXPECT_EQ(child.mtime_seconds, 1'200'000'000);
    EXPECT_EQ(child.xattrs.at("user.k"), "v");
}

TEST_P(Overlay, ImpliedDirectoryOfAFartherLowerdir) {
    apply({file("only-far/new", "x")});
    const Entry found = read_entry(at("only-far"), "o");
    EXPECT_EQ(found.permission_bits, 0705U);
    EXPECT_EQ(found.uid, 9);
}

TEST_P(Overlay, ImpliedDirectoryThatNobodyHasIsPlain) {
    apply({file("new/dir/f", "x"), file("plain/f", "x")});
    for (const char* name : {"new", "new/dir", "plain"}) {
        const Entry found = read_entry(at(name), name);
        EXPECT_EQ(found.permission_bits, 0755U) << name;
        EXPECT_EQ(found.uid, 0) << name;
    }
}

TEST_P(Overlay, ImpliedDirectoryDoesNotInheritTrustedXattrs) {
    make_tree(lower(), {dir("o").xattr("trusted.overlay.opaque", "y").xattr("user.a", "b")});
    apply({file("o/new", "x")});
    const Entry found = read_entry(at("o"), "o");
    EXPECT_EQ(found.xattrs.count("trusted.overlay.opaque"), 0U);
    EXPECT_EQ(found.xattrs.at("user.a"), "b");
}

TEST_P(Overlay, ImpliedDirectoryIsLookedUpThroughLinksOfTheLowerdir) {
    // "link" leads to "d" in the lowerdir; the upper gets a directory of that name.
    apply({file("link/new", "x")});
    const Entry found = read_entry(at("link"), "link");
    EXPECT_EQ(found.type, '5');
    EXPECT_EQ(found.permission_bits, 0750U);
}

TEST_P(Overlay, LookUpInALowerdirCannotLeaveIt) {
    make_tree(lower(), {symlink("../outside/sub", "up"), symlink(outside() + "/sub", "absolute")});
    must_unpack_overlay({file("up/f", "x"), file("absolute/f", "x")}, {lower()});
    EXPECT_EQ(read_entry(at("up"), "up").uid, 0);
    EXPECT_EQ(read_entry(at("absolute"), "absolute").uid, 0);
}

TEST_P(Overlay, ExplicitEntryAfterAnImpliedOneWins) {
    apply({file("d/sub/new", "x"), dir("d", 0700).owner(1, 1).mtime(55)});
    const Entry found = read_entry(at("d"), "d");
    EXPECT_EQ(found.permission_bits, 0700U);
    EXPECT_EQ(found.uid, 1);
    EXPECT_EQ(found.mtime_seconds, 55);
}

TEST_P(Overlay, InPlaceModeDoesNotLookAtLowerdirs) {
    UnpackTarget target;
    target.root = root();
    target.lowerdirs = {lower()};
    ASSERT_TRUE(unpack_to(target, tar({whiteout("plain"), file("x")})));
    EXPECT_FALSE(exists(at("plain")));
    EXPECT_TRUE(exists(lower() + "/plain"));
}

} // namespace
} // namespace lamina::test
