// SPDX-License-Identifier: Apache-2.0
// What a squashed image shows, judged by the kernel's overlayfs and by unpacking it as Docker does.
#include <ostream>

#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

const std::string kCapability("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

struct Case {
    const char* name;
    std::vector<Tree> layers; // from the bottom
};

void PrintTo(const Case& each, std::ostream* out) {
    *out << each.name;
}

class Trees : public SquashTest, public testing::WithParamInterface<Case> {};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        // What docker-squash gets wrong.
        {"HardLinkOutlivesTheNameWithTheContent",
         {{file("a", "data"), hard_link("a", "b")}, {file("c")}, {whiteout("a")}}},
        {"ReplacedLinkTargetLeavesTheOtherName",
         {{file("a", "OLD"), hard_link("a", "b"), hard_link("a", "c")},
          {file("x")},
          {file("a", "NEW")}}},
        {"DirectoryBecomesAFile",
         {{dir("d"), file("d/x", "x"), dir("d/sub"), file("d/sub/y")},
          {file("x")},
          {file("d", "file")}}},
        {"WhiteoutAndNewFileOfOneName",
         {{file("x", "old"), file("y")}, {whiteout("x"), file("x", "new")}, {file("z")}}},
        {"DirectoryIsMadeAnewOverTheBase",
         {{dir("d"), file("d/old", "o"), dir("d/sub"), file("d/sub/f")},
          {whiteout("d")},
          {dir("d", 0700), file("d/new", "n")}}},
        {"WhiteoutPrefixInTheMiddleOfAName",
         {{file("keep")},
          {file("foo.wh.bar", "1"), dir("d.wh."), file("d.wh./f", "2")},
          {file("z")}}},
        {"BinaryCapability",
         {{file("keep")},
          {file("ping", "elf", 0755).xattr("security.capability", kCapability),
           file("u").xattr("user.raw", std::string("\0\xff=\n", 4))},
          {file("z")}}},
        {"OpaqueDirectoryOverTheBase",
         {{dir("d"), file("d/old")}, {dir("d"), opaque("d"), file("d/new")}, {file("d/newer")}}},
        // And the rest of the list of hazards.
        {"DirectoryFileDirectory",
         {{dir("d"), file("d/a")}, {file("d", "f")}, {dir("d", 0711), file("d/b")}}},
        {"WhiteoutInTheMiddleOnly", {{file("keep")}, {file("x")}, {whiteout("x")}}},
        {"WhiteoutOfTheBaseAndOfTheMiddle",
         {{file("x", "base"), dir("d"), file("d/y")},
          {file("x", "mid"), file("d/z")},
          {whiteout("x"), dir("d"), whiteout("d/y"), whiteout("d/z")}}},
        {"OpaqueRoot",
         {{file("gone"), dir("d"), file("d/gone")}, {opaque(""), file("a")}, {file("b")}}},
        {"LinksToDirectoriesStayLinks",
         {{dir("real"), symlink("real", "link")},
          {file("real/f", "1")},
          {file("link2"), whiteout("link")}}},
        {"MetadataAloneChanges",
         {{dir("d", 0700).owner(1, 1), file("d/f", "x", 0600)},
          {dir("d", 02775).owner(5, 6).mtime(1'234'567'890, 123)},
          {file("d/f", "x", 04755).owner(7, 8).xattr("user.k", "v").mtime(1, 999'999'999)}}},
        {"StrangeNamesAndTypes",
         {{file("keep")},
          {file(std::string(255, 'n'), "long"), file("new\nline"), file("\xff\xfe"), fifo("fifo"),
           char_device("null", 1, 3), block_device("disk", 8, 1), symlink("\xff", "raw-link")},
          {dir(std::string(200, 'a')), file(std::string(200, 'a') + "/" + std::string(200, 'b'))}}},
        {"LinksOfManyNamesInSeveralDirectories",
         {{file("keep")},
          {dir("a"), dir("b"), file("b/first", "shared").xattr("user.k", "v"),
           hard_link("b/first", "a/second"), hard_link("b/first", "third")},
          {whiteout("b/first"), file("b/new")}}},
        {"ImpliedDirectoriesTakeTheirMetadataFromBelow",
         {{dir("d", 0750).owner(3, 4).mtime(1'300'000'000, 7),
           dir("d/e", 0711).mtime(1'200'000'000)},
          {file("d/e/f", "1")},
          {file("d/e/g", "2")}}},
        {"EverythingIsGone",
         {{file("a"), dir("d"), file("d/b")},
          {file("c")},
          {whiteout("a"), whiteout("d"), whiteout("c")}}},
    };
    return all;
}

INSTANTIATE_TEST_SUITE_P(Every, Trees, testing::ValuesIn(cases()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(Trees, AreTheSameAboveABase) {
    make_source(GetParam().layers);
    expect_same_tree_after_squash("2");
}

TEST_P(Trees, AreTheSameWithoutABase) {
    make_source(GetParam().layers);
    expect_same_tree_after_squash("all");
}

TEST_P(Trees, AreTheSameInSeveralLayers) {
    make_source(GetParam().layers);
    for (const size_t layers : {2U, 3U, 50U}) {
        layers_ = layers;
        expect_same_tree_after_squash("2");
        expect_same_tree_after_squash("all");
    }
}

} // namespace
} // namespace lamina::test
