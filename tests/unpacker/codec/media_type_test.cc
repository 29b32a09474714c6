// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "unpacker/codec/media_type.h"

namespace lamina {
namespace {

const std::string kOci = "application/vnd.oci.image.layer.v1.tar";
const std::string kOciForeign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const std::string kDocker = "application/vnd.docker.image.rootfs.diff.tar";
const std::string kDockerForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar";

TEST(MediaType, OnlyOciPlainTarIsNotSniffed) {
    EXPECT_EQ(encoding_of_media_type(kOci), Encoding::plain);
    EXPECT_EQ(encoding_of_media_type(kOciForeign), Encoding::plain);
    EXPECT_EQ(encoding_of_media_type(kDocker), Encoding::sniff);
    EXPECT_EQ(encoding_of_media_type(kDockerForeign), Encoding::sniff);
}

TEST(MediaType, DeclaredCompressionIsOnlyAHint) {
    for (const char* suffix : {"+gzip", "+zstd"}) {
        EXPECT_EQ(encoding_of_media_type(kOci + suffix), Encoding::sniff);
        EXPECT_EQ(encoding_of_media_type(kOciForeign + suffix), Encoding::sniff);
    }
    for (const char* suffix : {".gzip", ".zstd"}) {
        EXPECT_EQ(encoding_of_media_type(kDocker + suffix), Encoding::sniff);
        EXPECT_EQ(encoding_of_media_type(kDockerForeign + suffix), Encoding::sniff);
    }
}

TEST(MediaType, OthersAreLeftToTheNextDiffer) {
    for (const std::string& type :
         {std::string(), kOci + "+encrypted", kOci + "+gzip+encrypted", kDocker + "+encrypted",
          kOci + "+bzip2", std::string("application/vnd.oci.image.manifest.v1+json"),
          std::string("application/vnd.erofs.layer.v1"), "x" + kOci}) {
        auto encoding = encoding_of_media_type(type);
        ASSERT_FALSE(encoding) << type;
        EXPECT_EQ(encoding.error().code, ErrorCode::unimplemented) << type;
    }
}

} // namespace
} // namespace lamina
