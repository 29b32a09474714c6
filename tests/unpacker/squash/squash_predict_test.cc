// SPDX-License-Identifier: Apache-2.0
// What a dry run says is what comes out.
#include <filesystem>
#include <random>

#include <gmock/gmock.h>

#include "tests/support/encoders.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

class SquashPrediction : public SquashTest {
  protected:
    // Tells what squashing makes, without the root's powers being asked for, and nothing is left.
    SquashReport predict(const std::string& from) {
        SquashRequest what = request(from);
        what.is_dry_run = true;
        what.options.tmp_dir = "/nowhere";
        auto report = squash_image(what, {});
        EXPECT_TRUE(report) << report.error().message;
        EXPECT_FALSE(exists(temp_ / "result"));
        return report ? *report : SquashReport{};
    }
    void expect_exact(const std::vector<Tree>& layers, const std::string& from) {
        std::filesystem::remove_all(temp_ / "result");
        make_source(layers);
        const SquashReport predicted = predict(from);
        const auto made = squash(from);
        ASSERT_TRUE(made) << made.error().message;
        const SquashedImage& image = made->images.at(0);
        ASSERT_EQ(predicted.images.at(0).new_layers.size(), image.new_layers.size());
        EXPECT_EQ(predicted.images[0].layers_after, image.layers_after);
        for (size_t i = 0; i < image.new_layers.size(); ++i) {
            const NewLayer& told = predicted.images[0].new_layers[i];
            EXPECT_EQ(told.entries, image.new_layers[i].entries);
            EXPECT_EQ(told.whiteouts, image.new_layers[i].whiteouts);
            EXPECT_EQ(told.tar_bytes, image.new_layers[i].tar_bytes);
        }
    }
};

const Tree kBase = {dir("d"), file("d/gone", "g"), file("d/old", std::string(5000, 'o')),
                    dir("e"), file("e/f", "f"),    file("becomes-dir"),
                    dir("x"), file("x/in"),        file("last", "1")};

TEST_F(SquashPrediction, WhiteoutsHideWhatIsBelow) {
    const std::vector<Tree> layers = {
        kBase,
        {dir("d"), whiteout("d/gone"), file("d/new", "n"), whiteout("last"), whiteout("none")},
        {dir("e"), opaque("e"), file("e/g", "g"), whiteout("d/new")}};
    expect_exact(layers, "2");
    expect_exact(layers, "all");
}

TEST_F(SquashPrediction, ThingsBecomeOthers) {
    const std::vector<Tree> layers = {kBase,
                                      {dir("becomes-dir"), file("becomes-dir/a", "a")},
                                      {file("x", "a file now"), whiteout("d"), dir("d")}};
    expect_exact(layers, "2");
    expect_exact(layers, "all");
}

TEST_F(SquashPrediction, LinksAttributesTimesAndLongNamesAreCounted) {
    const std::string name(180, 'n');
    const std::vector<Tree> layers = {
        kBase,
        {dir("l"), file("l/a", std::string(3000, 'a')).xattr("user.k", std::string(700, 'v')),
         hard_link("l/a", "l/b"), file("l/c").mtime(1'600'000'000, 5), symlink("a", "l/s"),
         char_device("l/null", 1, 3)},
        {dir("l"), file("l/" + name, "x").xattr("user.a", "1").xattr("user.b", "2"),
         whiteout("l/c"), file("l/\xc3\xa4", "x")}};
    expect_exact(layers, "2");
    expect_exact(layers, "all");
}

TEST_F(SquashPrediction, ImpliedDirectoriesLookAsBelow) {
    Tree base = kBase;
    base.push_back(dir("t", 0700).mtime(1'600'000'000, 7).xattr("user.k", std::string(2000, 'v')));
    expect_exact({base, {file("t/a", "a"), file("new/dir/a", "a")}, {file("t/b", "b")}}, "2");
}

TEST_F(SquashPrediction, NamesInOneLayerTwice) {
    expect_exact({kBase,
                  {file("a", "1"), file("./a", "22"), dir("b"), file("b/c"), file("b", "leaf"),
                   file("c"), dir("c"), file("c/d")},
                  {file("z")}},
                 "2");
}

TEST_F(SquashPrediction, SeveralLayersAreToldOneByOne) {
    layers_ = 3;
    expect_exact(
        {kBase,
         {dir("p"), file("p/a", std::string(90'000, 'a')), file("p/b", std::string(90'000, 'b'))},
         {file("q", std::string(90'000, 'q')), whiteout("last")}},
        "2");
}

TEST_F(SquashPrediction, BlobIsAboutAsLargeAsItComesOut) {
    std::string noise(3'000'000, '\0'); // six bits of eight
    std::mt19937 random(1);
    std::ranges::generate(noise, [&] { return static_cast<char>(random() % 64); });
    for (const bool is_compressed : {true, false}) {
        std::filesystem::remove_all(temp_ / "result");
        ImageBuilder::Image image{
            .layers = {{file("text", std::string(3'000'000, 't')), file("gone", noise)},
                       {whiteout("text")},
                       {file("more", noise)}}};
        image.is_compressed = is_compressed;
        write_source({image_.image(image)});
        const auto predicted = predict("2").images.at(0).new_layers.at(0).blob_bytes;
        if (!is_compressed) { // noise is worse than what is usual
            EXPECT_NEAR(static_cast<double>(predicted), 0.38 * 3e6, 0.02 * 3e6);
            continue;
        }
        const auto made = squash("2");
        ASSERT_TRUE(made) << made.error().message;
        const auto real = static_cast<double>(made->images.at(0).new_layers.at(0).blob_bytes);
        EXPECT_NEAR(static_cast<double>(predicted), real, 0.05 * real);
    }
}

TEST_F(SquashPrediction, NamesBehindLinksAreWhereTheseLead) {
    const std::vector<Tree> layers = {
        kBase,
        {dir("usr"), dir("usr/lib"), symlink("usr/lib", "lib"), symlink("/lib/", "usr/lib64"),
         symlink("../../../lib64/deep", "usr/up"), file("lib/a", std::string(5000, 'a')),
         file("usr/lib64/b"), file("usr/lib/deep/c", "c"), symlink("../lib64", "usr/lib/self"),
         file("usr/lib/self/self/d", std::string(5000, 'd'))},
        {symlink("d", "via"), whiteout("via/gone"), dir("e"), symlink("e", "to-e"), opaque("to-e"),
         file("to-e/new"), dir("usr/lib"), hard_link("to-e/new", "usr/lib/linked")}};
    expect_exact(layers, "2");
    expect_exact(layers, "all");
}

TEST_F(SquashPrediction, LinksThatAreReplacedLeadNowhere) {
    expect_exact({kBase,
                  {dir("a"), file("a/old"), symlink("a", "l"), file("l/x"), dir("l"), file("l/y")},
                  {whiteout("d/old"), file("d", "hides all, also its whiteout"), symlink("a", "m"),
                   hard_link("m", "n")}},
                 "2");
}

// Unpacking fails as well: each layer is unpacked into a directory of its own.
TEST_F(SquashPrediction, WhatCannotBeUnpackedIsAnError) {
    const std::vector<std::pair<Tree, std::string>> layers = {
        {{hard_link("d/old", "linked")}, "hard link to \"d/old\""},
        {{file("same"), hard_link("same", "same")}, "hard link to \"same\""},
        {{dir("q"), hard_link("q", "linked")}, "hard link to \"q\""},
        {{file("leaf"), file("leaf/below")}, "leaf/below"},
        {{symlink("loop", "loop"), file("loop/below")}, "loop/below"},
        {{file(".wh.")}, ".wh."}};
    for (const auto& [layer, told] : layers) {
        SCOPED_TRACE(told);
        std::filesystem::remove_all(temp_ / "source");
        image_ = {};
        make_source({kBase, layer, {file("z")}});
        SquashRequest what = request("all");
        EXPECT_FALSE(squash_image(what, {}));
        what.is_dry_run = true;
        const auto report = squash_image(what, {});
        ASSERT_FALSE(report);
        EXPECT_THAT(report.error().message, testing::HasSubstr(told));
    }
}

// The directory hides the link, as when unpacked, but takes nothing from where that leads.
TEST_F(SquashPrediction, NamesBehindLinksOfLowerLayersAreCountedNearly) {
    make_source({{dir("usr"), dir("usr/lib"), symlink("usr/lib", "lib")},
                 {file("lib/x", std::string(70'000, 'x'))},
                 {file("y")}});
    const auto predicted = predict("all").images.at(0).new_layers.at(0);
    const auto made = squash("all");
    ASSERT_TRUE(made) << made.error().message;
    const auto tar_bytes = static_cast<double>(made->images.at(0).new_layers.at(0).tar_bytes);
    EXPECT_NEAR(static_cast<double>(predicted.tar_bytes), tar_bytes, 2048);
}

TEST_F(SquashPrediction, BrokenLayersAreErrors) {
    make_source({kBase, {file("a")}, {file("b")}});
    const ImageSource before = open(temp_ / "source");
    const Json manifest = *before.read_json(before.images().at(0));
    const std::string hex = manifest["layers"][1]["digest"].get<std::string>().substr(7);
    const std::string name = temp_ / ("source/blobs/sha256/" + hex);
    write_file(name, flipped(read_file(name), 30));
    SquashRequest what = request("all");
    what.is_dry_run = true;
    const auto report = squash_image(what, {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::data_loss);
    EXPECT_THAT(report.error().message, testing::HasSubstr(hex));
}

} // namespace
} // namespace lamina::test
