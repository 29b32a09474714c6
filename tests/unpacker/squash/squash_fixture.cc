// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/squash/squash_fixture.h"

#include <filesystem>

#include "tests/support/manifest.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/process.h"
#include "tests/support/tree.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {
namespace {

void unpack(const ImageSource& source, const Json& layer, const UnpackTarget& target) {
    const auto blob = source.open_blob(*Descriptor::parse(layer));
    ASSERT_TRUE(blob) << blob.error().message;
    const auto report = unpack_layer(**blob, Encoding::sniff, target, {}, {});
    ASSERT_TRUE(report) << report.error().message;
}

// The root's own metadata is no layer's: the first line is left out.
std::string manifest_below(const std::string& root, ManifestTimes times) {
    const std::string all = manifest(root, times);
    return all.substr(all.find('\n') + 1);
}

} // namespace

ShownImage show_image(const ImageSource& source, const Descriptor& manifest) {
    ShownImage shown;
    shown.manifest = *source.read_json(manifest);
    shown.config = *source.read_json(*Descriptor::parse(shown.manifest["config"]));
    const TempDir temp;
    make_tree(temp.path(), {dir("one"), dir("empty"), dir("merged")});
    std::vector<std::string> lowerdirs;
    for (const Json& layer : shown.manifest["layers"]) {
        const std::string root = temp / std::to_string(lowerdirs.size());
        std::filesystem::create_directory(root);
        unpack(source, layer, {root, WhiteoutMode::overlay, lowerdirs});
        lowerdirs.insert(lowerdirs.begin(), root);
        unpack(source, layer, {temp / "one", WhiteoutMode::delete_in_place, {}});
    }
    lowerdirs.push_back(temp / "empty"); // overlayfs wants two
    const OverlayMount merged(lowerdirs, temp / "merged");
    EXPECT_TRUE(merged.mounted()) << merged.error();
    shown.mounted = manifest_below(merged.path(), ManifestTimes::all);
    // A directory that a layer only implies gets the time at which something in it changed.
    shown.unpacked = manifest_below(temp / "one", ManifestTimes::without_directories);
    return shown;
}

void SquashTest::SetUp() {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: unpacks layers and mounts them";
    }
    make_tree(temp_.path(), {dir("scratch")});
}

void SquashTest::TearDown() {
    if (is_root()) {
        EXPECT_TRUE(std::filesystem::is_empty(temp_ / "scratch"));
    }
}

void SquashTest::make_source(const std::vector<Tree>& layers, ImageJson history) {
    ImageBuilder::Image image{.layers = layers, .history = std::move(history)};
    write_source({image_.image(image)});
}

void SquashTest::write_source(const std::vector<ImageJson>& images) {
    image_.finish(images);
    image_.write_directory(temp_ / "source");
}

SquashRequest SquashTest::request(const std::string& from) const {
    SquashRequest out;
    out.image = temp_ / "source";
    out.tag = "app:2";
    out.output_path = temp_ / "result";
    out.options.from = *FromLayer::parse(from);
    out.options.tmp_dir = temp_ / "scratch";
    out.options.threads = 2;
    out.options.layers = layers_;
    return out;
}

Result<SquashReport> SquashTest::squash(const std::string& from) {
    return squash_image(request(from), {});
}

ImageSource SquashTest::open(const std::string& path) {
    auto source = ImageSource::open(path);
    EXPECT_TRUE(source) << source.error().message;
    return *std::move(source);
}

std::vector<Descriptor> SquashTest::manifests_of(const ImageSource& source) {
    const Json top = *source.read_json(source.images().at(0));
    if (!top.contains("manifests")) {
        return {source.images().at(0)};
    }
    std::vector<Descriptor> out;
    for (const Json& each : top["manifests"]) {
        out.push_back(*Descriptor::parse(each));
    }
    return out;
}

void SquashTest::expect_same_tree_after_squash(const std::string& from) {
    std::filesystem::remove_all(temp_ / "result");
    const auto report = squash(from);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_TRUE(report->digest);
    const ImageSource before = open(temp_ / "source");
    const ImageSource after = open(temp_ / "result");
    const ShownImage source = show_image(before, manifests_of(before).at(0));
    const ShownImage result = show_image(after, manifests_of(after).at(0));
    EXPECT_EQ(result.mounted, source.mounted);
    EXPECT_EQ(result.unpacked, source.unpacked);
    const size_t kept = report->images.at(0).base.count;
    ASSERT_EQ(result.manifest["layers"].size(), report->images.at(0).layers_after);
    EXPECT_GT(report->images.at(0).layers_after, kept);
    EXPECT_LE(report->images.at(0).layers_after, kept + layers_);
    for (size_t i = 0; i < kept; ++i) {
        EXPECT_EQ(result.manifest["layers"][i], source.manifest["layers"][i]);
    }
}

} // namespace lamina::test
