// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"

namespace lamina {

// What an image's manifest says of a blob.
struct BlobDescriptor {
    std::string media_type;
    Digest digest;
    uint64_t size = 0; // bytes
};

struct ImageManifest {
    BlobDescriptor config;
    std::vector<BlobDescriptor> layers; // base first
};

// Read what JSON that anybody may have written says. invalid_argument for everything that is not
// as OCI image-spec manifest.md and config.md (and Docker's schema 2, which they come from) have
// it; members that are not needed here are not looked at.
[[nodiscard]] Result<ImageManifest> parse_image_manifest(std::string_view json);
// The diff IDs of an image's layers, base first, out of its configuration.
[[nodiscard]] Result<std::vector<Digest>> parse_diff_ids(std::string_view json);

// By which name containerd commits each of these layers. Source: OCI image-spec config.md, "Layer
// ChainID".
[[nodiscard]] std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids);

} // namespace lamina
