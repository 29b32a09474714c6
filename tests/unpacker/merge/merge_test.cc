// SPDX-License-Identifier: Apache-2.0
// The rules of unpacker/README.md, "Merging", one by one, on names alone. That they are the
// kernel's is for overlay_view_test.cc to show.
#include <gmock/gmock.h>

#include "tests/unpacker/merge/literal_layers.h"

namespace lamina::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(MergeRule1, TopmostFileWins) {
    EXPECT_THAT(merged({layer({"file f"}), layer({"file f"})}), ElementsAre("file f @0"));
}

TEST(MergeRule1, FileHidesDirectoryAndAllInIt) {
    EXPECT_THAT(merged({layer({"file d"}), layer({"dir d", "dir d/e", "file d/e/f"})}),
                ElementsAre("file d @0"));
    EXPECT_THAT(merged({layer({"file d"})}, {layer({"dir d", "file d/f"})}),
                ElementsAre("file d @0"));
}

TEST(MergeRule2, WhiteoutStaysWhereTheBaseShowsTheName) {
    EXPECT_THAT(merged({layer({"whiteout f"})}, {layer({"file f"})}), ElementsAre("whiteout f @0"));
    EXPECT_THAT(merged({layer({"whiteout f"}), layer({"file f"})}, {layer({"file f"})}),
                ElementsAre("whiteout f @0"));
    EXPECT_THAT(merged({layer({"whiteout d"})}, {layer({"dir d", "file d/f"})}),
                ElementsAre("whiteout d @0"));
}

TEST(MergeRule2, WhiteoutOfNamesInTheRangeOnlyGoes) {
    EXPECT_THAT(merged({layer({"whiteout f"}), layer({"file f"})}, {layer({"file g"})}), IsEmpty());
}

TEST(MergeRule2, WhiteoutOfWhatTheBaseItselfHidesGoes) {
    EXPECT_THAT(merged({layer({"whiteout f"})}, {layer({"whiteout f"}), layer({"file f"})}),
                IsEmpty());
    EXPECT_THAT(merged({layer({"dir d", "whiteout d/f"})},
                       {layer({"opaque d"}), layer({"dir d", "file d/f"})}),
                ElementsAre("dir d @0"));
}

TEST(MergeRule2, WhiteoutInADirectoryThatIsOpaqueAnywayGoes) {
    EXPECT_THAT(merged({layer({"dir d", "whiteout d/f"}), layer({"opaque d", "file d/g"})},
                       {layer({"dir d", "file d/f", "file d/h"})}),
                ElementsAre("opaque d @0", "file d/g @1"));
}

TEST(MergeRule2, FileAboveAWhiteoutNeedsNone) {
    EXPECT_THAT(merged({layer({"file f"}), layer({"whiteout f"})}, {layer({"file f"})}),
                ElementsAre("file f @0"));
}

TEST(MergeRule3, DirectoriesMergeAndTheTopmostSaysWhatItIsLike) {
    EXPECT_THAT(merged({layer({"dir d", "file d/b"}), layer({"dir d", "file d/a"})}),
                ElementsAre("dir d @0", "file d/a @1", "file d/b @0"));
}

TEST(MergeRule3, OpaqueDirectoryHidesTheRangeBelow) {
    EXPECT_THAT(merged({layer({"opaque d", "file d/b"}), layer({"dir d", "file d/a"})}),
                ElementsAre("dir d @0", "file d/b @0"));
}

TEST(MergeRule3, OpaqueAnywhereInTheRangeIsOpaqueOverTheBase) {
    const auto base = layer({"dir d", "file d/old"});
    EXPECT_THAT(merged({layer({"opaque d"})}, {base}), ElementsAre("opaque d @0"));
    EXPECT_THAT(merged({layer({"dir d"}), layer({"opaque d"})}, {base}),
                ElementsAre("opaque d @0"));
}

TEST(MergeRule3, DirectoryMadeAgainOverAWhiteoutIsOpaqueOverTheBase) {
    const auto base = layer({"dir d", "file d/old"});
    EXPECT_THAT(merged({layer({"dir d", "file d/new"}), layer({"whiteout d"})}, {base}),
                ElementsAre("opaque d @0", "file d/new @0"));
}

TEST(MergeRule3, DirectoryMadeAgainOverAFileIsOpaqueOverTheBase) {
    const auto base = layer({"dir d", "file d/old"});
    EXPECT_THAT(
        merged({layer({"dir d"}), layer({"file d"}), layer({"dir d", "file d/mid"})}, {base}),
        ElementsAre("opaque d @0"));
}

TEST(MergeRule3, NoMarkWhereTheBaseHasNoDirectory) {
    EXPECT_THAT(merged({layer({"opaque d"})}, {layer({"file d"})}), ElementsAre("dir d @0"));
    EXPECT_THAT(merged({layer({"opaque d"})}, {layer({"file e"})}), ElementsAre("dir d @0"));
    EXPECT_THAT(
        merged({layer({"opaque d"})}, {layer({"whiteout d"}), layer({"dir d", "file d/f"})}),
        ElementsAre("dir d @0"));
}

TEST(MergeRule3, BelowAnOpaqueDirectoryNothingNeedsAMark) {
    EXPECT_THAT(merged({layer({"opaque d", "opaque d/e"})}, {layer({"dir d", "dir d/e"})}),
                ElementsAre("opaque d @0", "dir d/e @0"));
}

TEST(MergeRule4, WithoutABaseThereAreNoWhiteoutsAndNoMarks) {
    EXPECT_THAT(merged({layer({"whiteout a", "opaque d", "whiteout d/f", "dir e"}),
                        layer({"file a", "dir d", "file d/f", "whiteout e", "whiteout z"}),
                        layer({"dir e", "file e/f"})}),
                ElementsAre("dir d @0", "dir e @0"));
}

TEST(MergeRule6, RedirectsAreRefused) {
    const auto moved = layer({"dir d", "redirect d/moved"});
    EXPECT_THAT(merged({layer({"file f"}), moved}), ElementsAre(HasSubstr("9 d/moved: ")));
    EXPECT_THAT(merged({layer({"file f"})}, {moved}), ElementsAre(HasSubstr("9 d/moved: ")));
}

TEST(MergeRule11, NamesOfOneInodeStayTogether) {
    EXPECT_THAT(merged({layer({"link a 1", "dir d", "link d/b 1", "link c 1"})}),
                ElementsAre("file a @0", "file c = a @0", "dir d @0", "file d/b = a @0"));
}

TEST(MergeRule11, GroupsOfDifferentLayersAreDifferent) {
    EXPECT_THAT(merged({layer({"link a 1", "link b 1"}), layer({"link c 1", "link d 1"})}),
                ElementsAre("file a @0", "file b = a @0", "file c @1", "file d = c @1"));
}

TEST(MergeRule11, SurvivorsOfAWhiteoutStayWithTheirContent) {
    EXPECT_THAT(merged({layer({"whiteout a"}), layer({"link a 1", "link b 1", "link c 1"})}),
                ElementsAre("file b @1", "file c = b @1"));
    EXPECT_THAT(merged({layer({"file a"}), layer({"link a 1", "link b 1"})}),
                ElementsAre("file a @0", "file b @1"));
}

TEST(Merge, WhatOnlyTheBaseHasIsNotInTheResult) {
    EXPECT_THAT(
        merged({layer({"dir d", "file d/f"})},
               {layer({"dir a", "file a/b", "dir d", "file d/g", "dir d/h", "file d/h/i"})}),
        ElementsAre("dir d @0", "file d/f @0"));
}

TEST(Merge, GoesDepthFirstWhateverBytesNamesHave) {
    EXPECT_THAT(merged({layer({"dir a", "file a/z"}), layer({"file a-b"})}),
                ElementsAre("dir a @0", "file a/z @0", "file a-b @1"));
    EXPECT_THAT(merged({layer({"dir \xff", "file \xff/.wh.x"}), layer({"file x.wh.y"})}),
                ElementsAre("file x.wh.y @1", "dir \xff @0", "file \xff/.wh.x @0"));
}

TEST(Merge, ManyLayersThatDeleteAndMakeAgain) {
    std::vector<LayerIndex> layers;
    for (int i = 0; i < 64; ++i) {
        layers.push_back(layer({"opaque d", "file d/" + std::to_string(i)}));
        layers.push_back(layer({"whiteout d"}));
    }
    EXPECT_THAT(merged(layers), ElementsAre("dir d @0", "file d/0 @0"));
    EXPECT_THAT(merged(layers, {layer({"dir d"})}), ElementsAre("opaque d @0", "file d/0 @0"));
}

} // namespace
} // namespace lamina::test
