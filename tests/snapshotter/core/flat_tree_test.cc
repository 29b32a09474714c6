// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/squash_fixture.h"

namespace lamina {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;

using FlatTree = test::SquashTest;
using Paths = std::vector<std::string>;

SquashOptions all_but(unsigned min_layers, unsigned keep_base) {
    SquashOptions options = test::kSquashAll;
    options.min_layers = min_layers;
    options.keep_base = keep_base;
    return options;
}

TEST_F(FlatTree, StandsForTheWholeChain) {
    add_layers(3);
    EXPECT_THAT(seen("3"), ElementsAre(flat("3")));
    EXPECT_EQ(seen_manifest("3"), raw_manifest("3"));
}

TEST_F(FlatTree, KeptBaseStaysBelow) {
    reopen_with(all_but(2, 1));
    add_layers(4);
    EXPECT_THAT(seen("4"), ElementsAre(flat("4"), fs(1)));
    EXPECT_EQ(seen_manifest("4"), raw_manifest("4"));
}

TEST_F(FlatTree, ShallowChainsHaveNone) {
    reopen_with(all_but(4, 0));
    add_layers(4);
    EXPECT_THAT(seen("3"), ElementsAreArray(raw("3")));
    EXPECT_THAT(seen("4"), ElementsAre(flat("4")));
}

TEST_F(FlatTree, DepthIsThatOfTheMountAndNotOfTheChain) {
    reopen_with(all_but(3, 0));
    add_layers(5); // the tree of 3 is one lower directory, 4 the second, 5 the third
    EXPECT_THAT(seen("4"), ElementsAre(fs(4), flat("3")));
    EXPECT_THAT(seen("5"), ElementsAre(flat("5")));
    EXPECT_EQ(seen_manifest("5"), raw_manifest("5"));
}

TEST_F(FlatTree, TwoInOneMount) {
    add_layers(3);
    reopen_with(all_but(3, 1));
    add_layer("4", "3", small_layer("4"));
    add_layer("5", "4", small_layer("5"));
    EXPECT_THAT(seen("5"), ElementsAre(flat("5"), flat("3")));
    EXPECT_EQ(seen_manifest("5"), raw_manifest("5"));
}

// What BuildKit looks for to read a layer's changes from its upper directory
// (util/overlay/overlay_linux.go, GetUpperdir).
TEST_F(FlatTree, LayerAboveAddsItsOwnFilesToTheLowersOfItsParent) {
    add_layers(3);
    reopen_with({});
    add_layer("4", "3", small_layer("4"));
    Paths expected = seen("3");
    expected.insert(expected.begin(), fs(ids_["4"]));
    EXPECT_EQ(seen("4"), expected);
    EXPECT_EQ(seen_manifest("4"), raw_manifest("4"));
}

TEST_F(FlatTree, ContainersAreUponIt) {
    add_layers(3);
    const auto mounts = prepare("container", "3");
    EXPECT_THAT(test::lowers_of(mounts), ElementsAre(flat("3")));
    EXPECT_EQ(*snapshotter_->mounts("container"), mounts);
}

TEST_F(FlatTree, MountsStayTheSameWhateverTheConfigurationSaysLater) {
    add_layers(3);
    const auto mounts = prepare("container", "3");
    for (const SquashOptions& options : {SquashOptions{}, all_but(2, 1), test::kSquashAll}) {
        reopen_with(options);
        EXPECT_EQ(*snapshotter_->mounts("container"), mounts);
        EXPECT_EQ(test::lowers_of(*snapshotter_->view("v", "3", {})), test::lowers_of(mounts));
        ASSERT_TRUE(snapshotter_->remove("v"));
    }
}

TEST_F(FlatTree, ChainThatWasSeenWithoutOneNeverGetsOne) {
    reopen_with({});
    add_layers(3);
    const Paths before = seen("3");
    EXPECT_THAT(before, ElementsAreArray(raw("3")));
    reopen_with(test::kSquashAll);
    EXPECT_EQ(seen("3"), before);
    EXPECT_FALSE(test::exists(flat("3")));
}

TEST_F(FlatTree, LabelStandsAboveTheMode) {
    add_layer("1", "", small_layer("1"));
    add_layer("2", "1", small_layer("2"), {{test::kSquashLabel, "off"}});
    EXPECT_THAT(seen("2"), ElementsAre(fs(ids_["2"]), fs(1)));
    SquashOptions off = test::kSquashAll;
    off.mode = SquashMode::off;
    reopen_with(off);
    add_layer("3", "2", small_layer("3"), {{test::kSquashLabel, "always"}});
    EXPECT_THAT(seen("3"), ElementsAre(flat("3")));
    add_layer("4", "3", small_layer("4"), {{test::kSquashLabel, "rubbish"}});
    EXPECT_THAT(seen("4"), ElementsAre(fs(ids_["4"]), flat("3")));
}

TEST_F(FlatTree, AutoTakesWhatWasUnpackedFromAnImage) {
    SquashOptions automatic = test::kSquashAll;
    automatic.mode = SquashMode::automatic;
    reopen_with(automatic);
    add_layer("1", "", small_layer("1"));
    add_layer("2", "1", small_layer("2"), {{"containerd.io/snapshot.ref", "sha256:2"}});
    add_layer("3", "2", small_layer("3"));
    EXPECT_THAT(seen("3"), ElementsAre(fs(ids_["3"]), flat("2")));
}

// As `ctr images pull` of containerd 1.7 does (rootfs/apply.go).
TEST_F(FlatTree, AutoTakesWhatWasUnpackedWithoutLabels) {
    SquashOptions automatic = test::kSquashAll;
    automatic.mode = SquashMode::automatic;
    reopen_with(automatic);
    add_layer("1", "", small_layer("1"));
    (void)prepare(test::kExtractKey, "1");
    commit("2", test::kExtractKey);
    last_id_ = ids_["2"] = 2;
    EXPECT_THAT(seen("2"), ElementsAre(flat("2")));
}

TEST_F(FlatTree, MappedIdsHaveNone) {
    const Labels mapped = {{"containerd.io/snapshot/uidmapping", "0:1000:65536"}};
    testing::internal::CaptureStderr();
    add_layer("1", "", small_layer("1"), mapped); // would have none anyway
    add_layer("2", "1", small_layer("2"), mapped);
    add_layer("3", "2", small_layer("3"), {}, mapped);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_THAT(seen("3"), ElementsAreArray(raw("3")));
    const std::string line = "level=info msg=\"not flattened\" name=";
    EXPECT_THAT(log, HasSubstr(line + "2 reason=\"its ids are mapped\""));
    EXPECT_THAT(log, HasSubstr(line + "3 "));
    EXPECT_THAT(log, Not(HasSubstr(line + "1 ")));
}

TEST_F(FlatTree, StatUsageAndWalkDoNotShowIt) {
    const auto shown = [&] {
        std::string text;
        EXPECT_TRUE(snapshotter_->walk({}, [&](const Info& info) -> Status {
            const auto usage = snapshotter_->usage(info.name);
            text += info.name + "<-" + info.parent + " " + std::to_string(usage->inodes) + " " +
                    std::to_string(usage->size_bytes) + "\n";
            return {};
        }));
        return text;
    };
    add_layers(4);
    (void)prepare("container", "4");
    const std::string flattened = shown();
    ASSERT_TRUE(snapshotter_->remove("container"));
    for (const char* name : {"4", "3", "2", "1"}) {
        ASSERT_TRUE(snapshotter_->remove(name));
    }
    last_id_ = last_id_ + 1;
    reopen_with({});
    add_layers(4);
    (void)prepare("container", "4");
    EXPECT_EQ(flattened, shown());
}

TEST_F(FlatTree, GoesWithItsSnapshot) {
    add_layers(3);
    (void)seen("3");
    ASSERT_TRUE(snapshotter_->remove("3"));
    EXPECT_FALSE(test::exists(flat("3")));
    EXPECT_TRUE(
        test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
    EXPECT_THAT(seen("2"), ElementsAre(flat("2")));
}

TEST_F(FlatTree, CleanupLeavesIt) {
    add_layers(3);
    const std::string before = seen_manifest("3");
    ASSERT_TRUE(snapshotter_->cleanup());
    EXPECT_EQ(seen_manifest("3"), before);
}

TEST_F(FlatTree, SharesTheFilesOfTheLayersOrNot) {
    const auto links = [&](const std::string& path) {
        return std::filesystem::hard_link_count(path);
    };
    add_layers(2);
    EXPECT_GT(links(seen("2").front() + "/d/own1"), 1U);
    SquashOptions copy = test::kSquashAll;
    copy.backend = LeafSource::copy;
    reopen_with(copy);
    add_layer("3", "2", small_layer("3"));
    EXPECT_EQ(links(seen("3").front() + "/d/own3"), 1U);
    EXPECT_EQ(seen_manifest("3"), raw_manifest("3"));
}

// Its marks say that the content is elsewhere, so that no merge can tell.
TEST_F(FlatTree, LayersThatCannotBeMergedAreMountedAsTheyAre) {
    add_layer("1", "", {test::dir("a"), test::file("a/b", "x")});
    add_layer("2", "1", {test::dir("c").xattr("trusted.overlay.redirect", "/a")});
    EXPECT_THAT(seen("2"), ElementsAreArray(raw("2")));
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
}

} // namespace
} // namespace lamina
