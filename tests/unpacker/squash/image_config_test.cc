// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/image_builder.h"
#include "unpacker/squash/image_config.h"

namespace lamina {
namespace {

using test::digest_text;

Json row(const std::string& created_by, bool is_empty = false) {
    Json out = {{"created_by", created_by}, {"x-row", 1}};
    if (is_empty) {
        out["empty_layer"] = true;
    }
    return out;
}

Json config_json(size_t layers, const Json& history) {
    Json diff_ids = Json::array();
    for (size_t i = 0; i < layers; ++i) {
        diff_ids.push_back(digest_text("layer " + std::to_string(i)));
    }
    Json json;
    json["x-first"] = {1, 2, 3};
    json["architecture"] = "arm64";
    json["os"] = "linux";
    json["variant"] = "v8";
    json["config"] = {{"Cmd", Json::array({"sh"})}, {"Labels", {{"a", "b"}}}};
    json["rootfs"]["type"] = "layers";
    json["rootfs"]["diff_ids"] = diff_ids;
    json["history"] = history;
    return json;
}

ImageConfig parse(const Json& json) {
    auto config = ImageConfig::parse(json);
    EXPECT_TRUE(config) << config.error().message;
    return *config;
}

ImageConfig::NewLayers new_layer(const std::string& comment = {}) {
    return {{*Digest::parse(digest_text("new"))}, 1'500'000'000, "by us", comment};
}

const Json kHistory =
    Json::array({row("ADD"), row("CMD", true), row("RUN a"), row("ENV", true), row("RUN b")});

TEST(ImageConfig, TellsLayersHistoryAndPlatform) {
    const ImageConfig config = parse(config_json(3, kHistory));
    EXPECT_EQ(config.diff_ids().size(), 3U);
    EXPECT_EQ(config.diff_ids()[1].text(), digest_text("layer 1"));
    ASSERT_EQ(config.history().size(), 5U);
    EXPECT_EQ(config.history()[1].created_by, "CMD");
    EXPECT_FALSE(config.history()[1].has_layer);
    EXPECT_TRUE(config.history()[2].has_layer);
    EXPECT_TRUE(config.history_is_complete());
    EXPECT_EQ(config.platform(), "linux/arm64/v8");
}

TEST(ImageConfig, RowsOfSquashedLayersStayWithoutLayer) {
    const Json out = parse(config_json(3, kHistory)).with_layers_above(1, new_layer("why"));
    const Json& history = out["history"];
    ASSERT_EQ(history.size(), 6U);
    EXPECT_FALSE(history[0].contains("empty_layer"));
    for (size_t i = 1; i < 5; ++i) {
        EXPECT_EQ(history[i]["empty_layer"], true) << i;
        EXPECT_EQ(history[i]["x-row"], 1) << i;
    }
    const Json last = {
        {"created", "2017-07-14T02:40:00Z"}, {"created_by", "by us"}, {"comment", "why"}};
    EXPECT_EQ(history[5], last);
    EXPECT_EQ(out["rootfs"]["diff_ids"], Json::array({digest_text("layer 0"), digest_text("new")}));
    EXPECT_TRUE(parse(out).history_is_complete());
}

TEST(ImageConfig, EverythingElseStays) {
    const Json in = config_json(3, kHistory);
    Json out = parse(in).with_layers_above(0, new_layer());
    EXPECT_EQ(out["created"], "2017-07-14T02:40:00Z");
    for (const char* changed : {"created", "rootfs", "history"}) {
        out.erase(changed);
    }
    Json rest = in;
    rest.erase("rootfs");
    rest.erase("history");
    EXPECT_EQ(out.dump(), rest.dump()); // also the order
}

TEST(ImageConfig, HistoryThatDoesNotFitIsMadeToFit) {
    for (const Json& history : {Json::array(), Json::array({row("RUN a")}), Json(nullptr)}) {
        SCOPED_TRACE(history.dump());
        const ImageConfig config = parse(config_json(3, history));
        EXPECT_FALSE(config.history_is_complete());
        const Json out = config.with_layers_above(2, new_layer());
        EXPECT_TRUE(parse(out).history_is_complete());
        EXPECT_EQ(out["history"].size(), history.size() + 3);
    }
}

TEST(ImageConfig, WrongShapesAreErrors) {
    for (const char* text :
         {"{}", R"({"rootfs":1})", R"({"rootfs":{"diff_ids":{}}})",
          R"({"rootfs":{"diff_ids":[1]}})", R"({"rootfs":{"diff_ids":["sha256:1"]}})",
          R"({"rootfs":{"diff_ids":[]},"history":[1]})"}) {
        EXPECT_FALSE(ImageConfig::parse(Json::parse(text))) << text;
    }
}

TEST(Platform, VariantThatAllProcessorsHaveMayBeLeftOut) {
    EXPECT_TRUE(is_platform("linux/arm64/v8", "linux/arm64"));
    EXPECT_TRUE(is_platform("linux/arm64", "linux/arm64/v8"));
    EXPECT_TRUE(is_platform("linux/arm/v7", "linux/arm"));
    EXPECT_TRUE(is_platform("linux/amd64", "linux/amd64/v1"));
    EXPECT_FALSE(is_platform("linux/arm/v6", "linux/arm"));
    EXPECT_FALSE(is_platform("linux/amd64/v3", "linux/amd64"));
    EXPECT_FALSE(is_platform("linux/arm64", "linux/amd64"));
}

} // namespace
} // namespace lamina
