// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/image_builder.h"
#include "unpacker/squash/base_layers.h"

namespace lamina {
namespace {

using test::digest_text;

// An image of layers called 0, 1, ... with rows "+" for a layer, "-" for none.
ImageLayers image_of(size_t layers, const std::vector<std::string>& rows = {}) {
    Json config;
    config["rootfs"]["diff_ids"] = Json::array();
    std::vector<Descriptor> descriptors;
    for (size_t i = 0; i < layers; ++i) {
        const std::string name = std::to_string(i);
        config["rootfs"]["diff_ids"].push_back(digest_text("plain " + name));
        descriptors.push_back({"", *Digest::parse(digest_text("blob " + name)), 1, {}});
    }
    for (const std::string& row : rows) {
        config["history"].push_back(
            {{"created_by", row.substr(1)}, {"empty_layer", row.front() == '-'}});
    }
    const Digest digest = *Digest::parse(digest_text("manifest of " + std::to_string(layers)));
    return {{"", digest, 1, {}}, Json::object(), descriptors, *ImageConfig::parse(config)};
}

OtherImage as_other(const ImageLayers& image) {
    return {image.manifest_descriptor.digest, image.config.diff_ids()};
}

FromLayer from(const std::string& text) {
    const auto parsed = FromLayer::parse(text);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return parsed ? *parsed : FromLayer{};
}

size_t base_count(const std::string& text, const ImageLayers& image,
                  const std::vector<OtherImage>& others = {}) {
    const auto base = base_layers(from(text), image, others);
    EXPECT_TRUE(base) << base.error().message;
    return base ? base->count : 999;
}

TEST(BaseLayers, AllKeepsNothing) {
    EXPECT_EQ(base_count("all", image_of(5)), 0U);
}

TEST(BaseLayers, ANumberCountsLayersFromTheTop) {
    EXPECT_EQ(base_count("2", image_of(5)), 3U);
    EXPECT_EQ(base_count("5", image_of(5)), 0U);
    const auto none = base_layers(from("6"), image_of(5), {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::out_of_range);
}

TEST(BaseLayers, ADigestIsALayerThatStays) {
    const std::string diff_id = digest_text("plain 2");
    EXPECT_EQ(base_count(diff_id, image_of(5)), 3U);
    EXPECT_EQ(base_count(diff_id.substr(7), image_of(5)), 3U);
    EXPECT_EQ(base_count(diff_id.substr(7, 12), image_of(5)), 3U);
    EXPECT_EQ(base_count(digest_text("blob 4"), image_of(5)), 5U);
    const auto none = base_layers(from(digest_text("other")), image_of(5), {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::out_of_range);
}

TEST(BaseLayers, ADigestOfTwoLayersIsAmbiguous) {
    ImageLayers image = image_of(3);
    image.layers[2] = image.layers[0];
    EXPECT_FALSE(base_layers(from(image.layers[0].digest.text()), image, {}));
}

TEST(BaseLayers, NonsenseIsRefused) {
    for (const char* text :
         {"", "0", "-1", "1x", "latest", "sha256:", "sha256:12", "ABCDEF012345"}) {
        EXPECT_FALSE(FromLayer::parse(text)) << text;
    }
}

TEST(BaseLayers, AutoFindsTheLargestImageThatIsTheFront) {
    const ImageLayers image = image_of(5);
    const ImageLayers one = image_of(1);
    const ImageLayers three = image_of(3);
    const auto base = base_layers({}, image, {as_other(image), as_other(three), as_other(one)});
    ASSERT_TRUE(base);
    EXPECT_EQ(base->count, 3U);
    EXPECT_EQ(base->manifest, three.manifest_descriptor.digest);
}

TEST(BaseLayers, AutoPrefersTheAnnotation) {
    ImageLayers image = image_of(5);
    const ImageLayers one = image_of(1);
    const ImageLayers three = image_of(3);
    image.manifest["annotations"][kBaseDigestKey] = one.manifest_descriptor.digest.text();
    EXPECT_EQ(base_count("auto", image, {as_other(three), as_other(one)}), 1U);
}

TEST(BaseLayers, AutoTakesTheLastCmdThatHasLayersAbove) {
    const std::vector<std::string> official = {"+ADD rootfs in /", R"(-CMD ["bash"])"};
    std::vector<std::string> node = official;
    node.insert(node.end(), {"+RUN apt", "-ENTRYPOINT x", R"(-/bin/sh -c #(nop)  CMD ["node"])"});
    EXPECT_EQ(base_count("auto", image_of(3, {node[0], node[1], "+RUN a", "-ENV", "+RUN b"})), 1U);
    auto app = node;
    app.insert(app.end(), {"-WORKDIR /app", "+COPY . .", R"(-CMD ["app"])"});
    EXPECT_EQ(base_count("auto", image_of(3, app)), 2U);
}

TEST(BaseLayers, AutoAsksWhenNothingTells) {
    for (const auto& rows :
         std::vector<std::vector<std::string>>{{},
                                               {"+RUN a", "+RUN b"},
                                               {"+a", "+b", "-CMD x"},
                                               {"-CMD x", "+a", "+b"},
                                               {"+a", "-CMD x", "+b", "+too many rows"}}) {
        const auto base = base_layers({}, image_of(2, rows), {});
        ASSERT_FALSE(base);
        EXPECT_EQ(base.error().code, ErrorCode::failed_precondition);
        EXPECT_THAT(base.error().message, testing::HasSubstr("--from-layer"));
    }
}

TEST(BaseLayers, AnImageIsNotItsOwnBase) {
    const ImageLayers image = image_of(2);
    EXPECT_FALSE(base_layers({}, image, {as_other(image)}));
}

} // namespace
} // namespace lamina
