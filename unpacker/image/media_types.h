// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "unpacker/codec/encoder.h"

// OCI image-spec media-types.md, and Docker's image manifest version 2, schema 2.
namespace lamina {

inline constexpr std::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kDockerIndexType =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifestType =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfigType =
    "application/vnd.docker.container.image.v1+json";

[[nodiscard]] inline bool is_index_type(std::string_view type) {
    return type == kOciIndexType || type == kDockerIndexType;
}

[[nodiscard]] inline bool is_manifest_type(std::string_view type) {
    return type == kOciManifestType || type == kDockerManifestType;
}

[[nodiscard]] inline bool is_image_config_type(std::string_view type) {
    return type == kOciConfigType || type == kDockerConfigType;
}

// Of a layer in a manifest of the given type.
[[nodiscard]] std::string layer_type(std::string_view manifest_type, Compression compression);

} // namespace lamina
