// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unpacker/image/json.h"
#include "unpacker/squash/image_config.h"

namespace lamina {

// Which layers of an image are squashed.
struct FromLayer {
    enum class Kind {
        automatic, // those above the base, which is found
        all,
        count, // the topmost ones
        digest // those above a layer
    };
    Kind kind = Kind::automatic;
    size_t count = 0;
    std::string digest; // hex digits, 12 or more: the front of a diff ID or of a blob's digest

    // "auto", "all", a number or a digest, with "sha256:" or without it.
    static Result<FromLayer> parse(std::string_view text);
};

// What is known of a manifest, or of another one that may be its base.
struct ImageLayers {
    Descriptor manifest_descriptor;
    Json manifest;
    std::vector<Descriptor> layers; // from the bottom
    ImageConfig config;
    std::string name{}; // of the image, as containerd has it, where it is known
};

// What is kept of an image that may be the base of another one: there may be thousands.
struct OtherImage {
    Digest manifest;
    std::vector<Digest> diff_ids; // of its layers, from the bottom
    std::string name{};           // where it is known
};

struct BaseLayers {
    size_t count = 0;
    std::optional<Digest> manifest; // of the base image, if it is known
    std::string found_by;           // for people
    std::string name{};             // of the base image, if it is known
};

// How many of the lowest layers stay. `others` are the other images at hand, any of which may be
// the base. failed_precondition when it has to be found and cannot; out_of_range for a count or
// digest that the image does not have.
[[nodiscard]] Result<BaseLayers> base_layers(const FromLayer& from, const ImageLayers& image,
                                             const std::vector<OtherImage>& others);

inline constexpr const char* kBaseNameKey = "org.opencontainers.image.base.name";
inline constexpr const char* kBaseDigestKey = "org.opencontainers.image.base.digest";

} // namespace lamina
