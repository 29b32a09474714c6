// SPDX-License-Identifier: Apache-2.0
// What is read of a layout and what is written into one.
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"
#include "unpacker/image/image_name.h"

namespace lamina::test {
namespace {

using testing::HasSubstr;

const std::vector<Tree> kLayers = {{dir("etc"), file("etc/base", "b")},
                                   {file("etc/a", "a")},
                                   {whiteout("etc/a"), file("etc/c", "c")}};

class SquashLayout : public SquashTest {};

// Other programs write null, or an empty array, for what they have none of.
TEST_F(SquashLayout, AnnotationsThatAreNoObjectAreReplaced) {
    for (const ImageJson& odd : {ImageJson::array(), ImageJson("text"), ImageJson()}) {
        ImageBuilder::Image image{.layers = kLayers};
        image.annotations = odd;
        ImageJson descriptor = image_.image(image);
        descriptor["annotations"] = odd;
        write_source({descriptor});
        std::filesystem::remove_all(temp_ / "result");
        ASSERT_TRUE(squash("2"));
        const ImageSource after = open(temp_ / "result");
        EXPECT_EQ(annotation(after.images().at(0).json, kImageNameKey), "app:2");
        EXPECT_EQ(annotation(*after.read_json(after.images().at(0)), "lamina.squash.source"),
                  descriptor["digest"].get<std::string>());
    }
}

TEST_F(SquashLayout, PathsAndNamesMayHoldColons) {
    ImageJson one = image_.image({.layers = kLayers});
    one["annotations"] = {{kImageNameKey, "shop/app:1"}};
    image_.finish({one, image_.image({.layers = {kLayers[0]}})});
    image_.write_directory(temp_ / "12:30");
    SquashRequest what = request("2");
    what.image = temp_ / "12:30:shop/app:1";
    EXPECT_TRUE(squash_image(what, {}));
    what.image = temp_ / "12:31:shop/app:1";
    const auto missing = squash_image(what, {});
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, HasSubstr("12:31"));
}

TEST_F(SquashLayout, NothingIsCopiedWhenThereIsNothingToSquash) {
    make_source(kLayers);
    const ImageSource before = open(temp_ / "source");
    const Json manifest = *before.read_json(before.images().at(0));
    std::filesystem::remove(temp_ / ("source/blobs/sha256/" +
                                     manifest["layers"][0]["digest"].get<std::string>().substr(7)));
    const auto report = squash("1");
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->digest);
}

TEST_F(SquashLayout, LayersThatStayCanBeLeftOut) {
    make_source(kLayers);
    SquashRequest what = request("2");
    what.options.copies_base = false;
    EXPECT_TRUE(squash_image(what, {}));
    const ImageSource after = open(temp_ / "result");
    const Json manifest = *after.read_json(after.images().at(0));
    ASSERT_EQ(manifest["layers"].size(), 2U);
    EXPECT_FALSE(after.open_blob(*Descriptor::parse(manifest["layers"][0])));
    EXPECT_TRUE(after.open_blob(*Descriptor::parse(manifest["layers"][1])));
}

} // namespace
} // namespace lamina::test
