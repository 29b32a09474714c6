// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/image_documents.h"

namespace lamina {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string digest(char digit) {
    return "sha256:" + std::string(64, digit);
}

std::string descriptor(char digit) {
    return R"({"mediaType":"m/)" + std::string(1, digit) + R"(","digest":")" + digest(digit) +
           R"(","size":5})";
}

TEST(ImageManifest, NamesConfigurationAndLayersInTheirOrder) {
    const auto manifest =
        parse_image_manifest(R"({"schemaVersion":2,"config":)" + descriptor('c') +
                             R"(,"layers":[)" + descriptor('1') + "," + descriptor('2') + "]}");
    ASSERT_TRUE(manifest) << manifest.error().message;
    EXPECT_EQ(manifest->config.digest.text(), digest('c'));
    ASSERT_THAT(manifest->layers, SizeIs(2));
    EXPECT_EQ(manifest->layers[0].digest.text(), digest('1'));
    EXPECT_EQ(manifest->layers[1].digest.text(), digest('2'));
    EXPECT_EQ(manifest->layers[1].media_type, "m/2");
    EXPECT_EQ(manifest->layers[1].size, 5u);
}

TEST(ImageManifest, AnythingElseIsInvalid) {
    const std::string config = R"({"config":)" + descriptor('c');
    for (const std::string& text : {
             std::string(),
             std::string("not JSON"),
             std::string("[]"),
             std::string("{}"),
             std::string(R"({"manifests":[]})"),
             config + "}",
             config + R"(,"layers":{}})",
             config + R"(,"layers":[7]})",
             config + R"(,"layers":[{"mediaType":"m","digest":"sha256:00","size":5}]})",
             config + R"(,"layers":[{"digest":")" + digest('1') + R"(","size":5}]})",
             config + R"(,"layers":[{"mediaType":"m","digest":")" + digest('1') + R"("}]})",
             config + R"(,"layers":[{"mediaType":"m","digest":")" + digest('1') +
                 R"(","size":-1}]})",
             config + R"(,"layers":[{"mediaType":"m","digest":")" + digest('1') +
                 R"(","size":"5"}]})",
             std::string(100'000, '['),
         }) {
        const auto manifest = parse_image_manifest(text);
        ASSERT_FALSE(manifest) << text;
        EXPECT_EQ(manifest.error().code, ErrorCode::invalid_argument);
    }
}

TEST(DiffIds, AreThoseOfTheRootFilesystem) {
    const auto diff_ids =
        parse_diff_ids(R"({"os":"linux","rootfs":{"type":"layers","diff_ids":[")" + digest('a') +
                       R"(",")" + digest('b') + R"("]}})");
    ASSERT_TRUE(diff_ids) << diff_ids.error().message;
    ASSERT_THAT(*diff_ids, SizeIs(2));
    EXPECT_EQ((*diff_ids)[1].text(), digest('b'));
}

TEST(DiffIds, AnythingElseIsInvalid) {
    for (const char* text : {"", "7", "{}", R"({"rootfs":[]})", R"({"rootfs":{"diff_ids":"a"}})",
                             R"({"rootfs":{"diff_ids":[1]}})"}) {
        EXPECT_FALSE(parse_diff_ids(text)) << text;
    }
}

// OCI image-spec config.md, "Layer ChainID"; the figure comes from sha256sum(1).
TEST(ChainIds, BeginWithTheBaseAndHashEachStep) {
    const auto chain = chain_ids({*Digest::parse(digest('a')), *Digest::parse(digest('b'))});
    ASSERT_THAT(chain, SizeIs(2));
    EXPECT_EQ(chain[0].text(), digest('a'));
    EXPECT_EQ(chain[1].text(),
              "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
    EXPECT_THAT(chain_ids({}), IsEmpty());
}

} // namespace
} // namespace lamina
