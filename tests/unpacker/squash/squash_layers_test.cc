// SPDX-License-Identifier: Apache-2.0
// Squashing into several layers.
#include <algorithm>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

class SquashLayers : public SquashTest {
  protected:
    // Names in the new layers, from the bottom, as GNU tar lists them.
    std::vector<std::vector<std::string>> names(size_t kept) {
        const ImageSource after = open(temp_ / "result");
        const Json manifest = *after.read_json(after.images().at(0));
        std::vector<std::vector<std::string>> out;
        for (size_t i = kept; i < manifest["layers"].size(); ++i) {
            const std::string digest = manifest["layers"][i]["digest"];
            const std::string blob = temp_ / ("result/blobs/sha256/" + digest.substr(7));
            EXPECT_EQ(run({"sh", "-c", "tar -tzf " + blob + " >" + (temp_ / "list")}), 0);
            std::istringstream list(read_file(temp_ / "list"));
            auto& layer = out.emplace_back();
            for (std::string line; std::getline(list, line);) {
                layer.push_back(line);
            }
        }
        return out;
    }
};

// A base, and above it directories of files, some of one inode, and whiteouts of the base.
std::vector<Tree> many_files() {
    Tree base = {dir("d0"), file("d0/base"), dir("gone"), file("gone/f"), file("x")};
    Tree upper = {whiteout("gone"), whiteout("x")};
    for (int d = 0; d < 8; ++d) {
        const std::string name = "d" + std::to_string(d);
        upper.push_back(dir(name, 0750).owner(3, 4).mtime(1'300'000'000, 7));
        for (int f = 0; f < 20; ++f) {
            upper.push_back(file(name + "/f" + std::to_string(f), std::string(10'000, 'f')));
        }
        upper.push_back(hard_link("d0/f3", name + "/link"));
    }
    return {base, upper, {file("d3/f1", "new"), dir("d5"), opaque("d5"), file("d5/only")}};
}

TEST_F(SquashLayers, EachPathIsInOneOfThem) {
    make_source(many_files());
    layers_ = 4;
    expect_same_tree_after_squash("2");
    const auto layers = names(1);
    ASSERT_EQ(layers.size(), 4U);
    std::map<std::string, size_t> leaves;
    for (size_t i = 0; i < layers.size(); ++i) {
        for (const std::string& name : layers[i]) {
            if (!name.ends_with('/')) {
                EXPECT_TRUE(leaves.try_emplace(name, i).second) << name << " is in two layers";
            }
            if (name.find(".wh.") != std::string::npos) {
                EXPECT_EQ(i, 0U) << name;
            }
        }
    }
    for (const char* name : {"d1/link", "d4/link", "d7/link"}) {
        EXPECT_EQ(leaves.at(name), leaves.at("d0/f3")) << name;
    }
    EXPECT_NE(leaves.at("d0/f3"), leaves.at("d7/f3"));
}

TEST_F(SquashLayers, AreOfAboutTheSameSize) {
    make_source(many_files());
    layers_ = 4;
    const auto report = squash("2");
    ASSERT_TRUE(report) << report.error().message;
    const auto& layers = report->images.at(0).new_layers;
    const auto bytes = [](const NewLayer& a, const NewLayer& b) {
        return a.tar_bytes < b.tar_bytes;
    };
    const auto [least, most] = std::ranges::minmax_element(layers, bytes);
    EXPECT_LT(most->tar_bytes, least->tar_bytes * 5 / 4);
}

TEST_F(SquashLayers, EachHasItsDiffIdAndItsRow) {
    make_source(many_files());
    layers_ = 3;
    ASSERT_TRUE(squash("all"));
    const ImageSource after = open(temp_ / "result");
    const ShownImage shown = show_image(after, after.images().at(0));
    EXPECT_EQ(shown.manifest["layers"].size(), 3U);
    EXPECT_EQ(shown.config["rootfs"]["diff_ids"].size(), 3U);
    EXPECT_TRUE(ImageConfig::parse(shown.config)->history_is_complete());
    EXPECT_NE(shown.config["history"].back()["created_by"].get<std::string>().find("(3 of 3)"),
              std::string::npos);
}

TEST_F(SquashLayers, AreNoMoreThanThereIsToSplit) {
    make_source({{file("a", "a")}, {file("b", "b")}});
    layers_ = 9;
    const auto report = squash("all");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->images.at(0).layers_after, 2U);
}

TEST_F(SquashLayers, ADryRunTellsEach) {
    make_source(many_files());
    layers_ = 4;
    SquashRequest what = request("2");
    what.options.source_date_epoch = 1'500'000'000;
    what.is_dry_run = true;
    const auto dry = squash_image(what, {});
    EXPECT_FALSE(exists(temp_ / "result"));
    what.is_dry_run = false;
    const auto real = squash_image(what, {});
    ASSERT_TRUE(dry && real);
    const auto& predicted = dry->images.at(0).new_layers;
    const auto& made = real->images.at(0).new_layers;
    ASSERT_EQ(predicted.size(), made.size());
    for (size_t i = 0; i < made.size(); ++i) {
        EXPECT_EQ(predicted[i].tar_bytes, made[i].tar_bytes);
        EXPECT_EQ(predicted[i].entries, made[i].entries);
        EXPECT_EQ(predicted[i].whiteouts, made[i].whiteouts);
    }
}

} // namespace
} // namespace lamina::test
