// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/blob_store.h"
#include "snapshotter/service/content_client.h"
#include "snapshotter/service/image_layers.h"
#include "snapshotter/service/limits.h"
#include "tests/service/content_server.h"

namespace lamina {
namespace {

using test::LayerBlobs;
using test::StoredImage;
using ::testing::IsEmpty;

class ImageLayersTest : public ::testing::Test {
  protected:
    static LayerPlace place_of(const StoredImage& image, size_t depth) {
        return {"default", depth == 0 ? "" : image.layers[depth - 1].chain_id.text(),
                image.layers[depth].blob};
    }

    Result<std::vector<LayerAhead>> above(const LayerPlace& place, size_t depth) {
        return layers_.above(place, depth, {});
    }

    // The digests of the layers above the one of `image` at `depth`.
    std::vector<std::string> blobs_above(const StoredImage& image, size_t depth) {
        const auto layers = above(place_of(image, depth), depth);
        EXPECT_TRUE(layers) << layers.error().message;
        std::vector<std::string> blobs;
        for (const LayerAhead& layer : layers.value_or(std::vector<LayerAhead>())) {
            blobs.push_back(layer.place.blob.text());
        }
        return blobs;
    }

    static std::vector<std::string> blobs_of(const StoredImage& image, size_t from,
                                             size_t to = 100) {
        std::vector<std::string> blobs;
        for (size_t i = from; i < std::min(to, image.layers.size()); ++i) {
            blobs.push_back(image.layers[i].blob.text());
        }
        return blobs;
    }

    test::ContentServer content_;
    ContentClient client_{content_.address()};
    BlobStore blobs_{"", client_};
    ImageLayers layers_{client_, blobs_};
    const StoredImage image_ = test::make_image({"base", "second", "third", "fourth"});
};

TEST_F(ImageLayersTest, LayersAboveComeInOrderWithSizeAndChain) {
    store_image(content_, "default", image_);
    const auto layers = above(place_of(image_, 1), 1);
    ASSERT_TRUE(layers) << layers.error().message;
    ASSERT_EQ(layers->size(), 2u);
    for (size_t i : {0u, 1u}) {
        const LayerAhead& layer = (*layers)[i];
        EXPECT_EQ(layer.place, place_of(image_, i + 2));
        EXPECT_EQ(layer.size, image_.layers[i + 2].bytes.size());
        EXPECT_EQ(layer.encoding, Encoding::sniff);
    }
}

TEST_F(ImageLayersTest, NothingIsAboveTheTopmostLayer) {
    store_image(content_, "default", image_);
    EXPECT_THAT(blobs_above(image_, 3), IsEmpty());
}

TEST_F(ImageLayersTest, LayersAreKnownBeforeTheirBlobsAreThere) {
    store_image(content_, "default", image_, LayerBlobs::none);
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1));
}

TEST_F(ImageLayersTest, ImageOfAnotherNamespaceIsNotSeen) {
    store_image(content_, "other", image_);
    EXPECT_THAT(blobs_above(image_, 0), IsEmpty());
}

TEST_F(ImageLayersTest, ImageWhoseManifestHasNoLabelsIsFoundByWhatItSays) {
    store_as_pulled_only(content_, "default", test::make_image({"else", "second"}));
    store_as_pulled_only(content_, "default", image_);
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1));
    EXPECT_EQ(blobs_above(image_, 2), blobs_of(image_, 3));
}

TEST_F(ImageLayersTest, ManifestThatNobodyPulledIsNotLookedFor) {
    content_.add("default", image_.manifest);
    content_.add("default", image_.config);
    EXPECT_THAT(blobs_above(image_, 0), IsEmpty());
}

TEST_F(ImageLayersTest, OfManifestsWithoutLabelsOnlyTheLastAreRead) {
    const auto pull_others = [this](size_t count, const std::string& name) {
        for (size_t i = 0; i < count; ++i) {
            store_as_pulled_only(content_, "default",
                                 test::make_image({name + std::to_string(i), "second"}));
        }
    };
    store_as_pulled_only(content_, "default", image_);
    pull_others(kDocumentsReadMax / 2 - 1, "some"); // of two documents each
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1));
    pull_others(1, "one more");
    EXPECT_THAT(blobs_above(image_, 0), IsEmpty());
}

TEST_F(ImageLayersTest, NamespaceOfTooManyBlobsIsNotLookedThrough) {
    store_as_pulled_only(content_, "default", image_);
    for (size_t i = 0; i < kBlobsLookedThroughMax; ++i) {
        content_.add("default", std::to_string(i));
    }
    const auto layers = above(place_of(image_, 0), 0);
    ASSERT_FALSE(layers);
    EXPECT_EQ(layers.error().code, ErrorCode::resource_exhausted);
}

TEST_F(ImageLayersTest, SameBlobAtAnotherPlaceIsAnotherLayer) {
    store_image(content_, "default", image_);
    EXPECT_THAT(*above({"default", "", image_.layers[1].blob}, 0), IsEmpty());
    EXPECT_THAT(*above({"default", "sha256:other", image_.layers[1].blob}, 1), IsEmpty());
}

TEST_F(ImageLayersTest, ImagesThatPartWaysAgreeOnWhatTheyShare) {
    const StoredImage other = test::make_image({"base", "second", "else"});
    store_image(content_, "default", image_);
    store_image(content_, "default", other);
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1, 2));
    EXPECT_EQ(blobs_above(image_, 2), blobs_of(image_, 3));
}

TEST_F(ImageLayersTest, OfImagesThatPartWaysTheOneWithBlobsCounts) {
    const StoredImage other = test::make_image({"base", "else", "more"});
    store_image(content_, "default", image_);
    store_image(content_, "default", other, LayerBlobs::none);
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1));
}

TEST_F(ImageLayersTest, ImageWhoseJsonIsBrokenOrMissingDoesNotHideOthers) {
    const Labels labels{{"containerd.io/gc.ref.content.l.0", image_.layers[0].blob.text()}};
    content_.add("default", "{ broken", labels);
    StoredImage other = test::make_image({"base", "else"});
    store_image(content_, "default", other);
    content_.remove("default", test::digest_of(other.config));
    store_image(content_, "default", image_);
    EXPECT_EQ(blobs_above(image_, 0), blobs_of(image_, 1));
}

TEST_F(ImageLayersTest, ConfigurationThatNamesOtherLayersThanTheManifestIsNotBelieved) {
    StoredImage image = image_;
    const StoredImage shorter = test::make_image({"base", "second"});
    const size_t at = image.manifest.find(test::digest_of(image.config).text());
    image.manifest.replace(at, 71, test::digest_of(shorter.config).text());
    image.config = shorter.config;
    store_image(content_, "default", image);
    EXPECT_THAT(blobs_above(image_, 0), IsEmpty());
}

TEST_F(ImageLayersTest, ManifestThatIsTooLargeIsNotRead) {
    StoredImage image = image_;
    image.manifest += std::string(kImageDocumentBytesMax, ' ');
    store_image(content_, "default", image);
    EXPECT_THAT(blobs_above(image_, 0), IsEmpty());
}

TEST_F(ImageLayersTest, TooManyImagesAreAnError) {
    for (size_t i = 0; i <= kManifestsMax; ++i) {
        store_image(content_, "default", test::make_image({"base", std::to_string(i)}));
    }
    const auto layers = above(place_of(image_, 0), 0);
    ASSERT_FALSE(layers);
    EXPECT_EQ(layers.error().code, ErrorCode::resource_exhausted);
}

TEST_F(ImageLayersTest, StopEndsTheQuestion) {
    std::stop_source stop;
    stop.request_stop();
    const auto layers = layers_.above(place_of(image_, 0), 0, stop.get_token());
    ASSERT_FALSE(layers);
    EXPECT_EQ(layers.error().code, ErrorCode::canceled);
}

TEST_F(ImageLayersTest, BlobIsThereWhenTheStoreHasAllItsBytes) {
    const Digest digest = content_.add("default", "12345");
    EXPECT_TRUE(blobs_.has("default", digest, 5, {}));
    EXPECT_FALSE(blobs_.has("default", digest, 6, {}));
    EXPECT_FALSE(blobs_.has("other", digest, 5, {}));
}

} // namespace
} // namespace lamina
