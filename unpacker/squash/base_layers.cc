// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/base_layers.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace lamina {
namespace {

constexpr size_t kShortDigestDigits = 12; // what Docker shows of one
constexpr size_t kDigestDigits = 64;

bool is_hex(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<BaseLayers> by_digest(const std::string& digits, const ImageLayers& image) {
    std::optional<size_t> found;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        if (!image.config.diff_ids()[i].hex().starts_with(digits) &&
            !image.layers[i].digest.hex().starts_with(digits)) {
            continue;
        }
        // A layer can be there twice; what is asked for is then the upper one's level or the
        // lower's, and nobody can tell.
        if (found) {
            return fail(ErrorCode::out_of_range,
                        fmt::format("{} is more than one layer of the image", digits));
        }
        found = i + 1;
    }
    if (!found) {
        return fail(ErrorCode::out_of_range, fmt::format("{} is no layer of the image", digits));
    }
    return BaseLayers{*found, std::nullopt, "--from-layer"};
}

Result<BaseLayers> by_count(size_t count, const ImageLayers& image) {
    if (count > image.layers.size()) {
        return fail(ErrorCode::out_of_range,
                    fmt::format("{} layers are to be squashed, the image has {}", count,
                                image.layers.size()));
    }
    return BaseLayers{image.layers.size() - count, std::nullopt, "--from-layer"};
}

bool is_proper_prefix(const std::vector<Digest>& front, const std::vector<Digest>& all) {
    return !front.empty() && front.size() < all.size() &&
           std::ranges::equal(front, std::span(all).first(front.size()));
}

// Among the other images: the one that the annotation names, else the largest one whose layers
// this image begins with.
std::optional<BaseLayers> by_other_image(const ImageLayers& image,
                                         const std::vector<OtherImage>& others) {
    const auto named = annotation(image.manifest, kBaseDigestKey);
    const OtherImage* best = nullptr;
    for (const OtherImage& other : others) {
        if (!is_proper_prefix(other.diff_ids, image.config.diff_ids())) {
            continue;
        }
        if (named == other.manifest.text()) {
            return BaseLayers{other.diff_ids.size(), other.manifest, "annotation base.digest",
                              other.name};
        }
        if (best == nullptr || other.diff_ids.size() > best->diff_ids.size()) {
            best = &other;
        }
    }
    if (best == nullptr) {
        return std::nullopt;
    }
    return BaseLayers{best->diff_ids.size(), best->manifest, "another image with these layers",
                      best->name};
}

// What a Dockerfile's CMD leaves in the history: BuildKit's form and the classic builder's.
bool is_cmd(std::string_view created_by) {
    return created_by.starts_with("CMD ") || created_by.starts_with("/bin/sh -c #(nop)  CMD ");
}

// Official images end with CMD, so the last such row with layers both below and above it is the
// base's last word.
std::optional<BaseLayers> by_history(const ImageLayers& image) {
    if (!image.config.history_is_complete()) {
        return std::nullopt;
    }
    std::optional<BaseLayers> found;
    size_t layers = 0;
    for (const ImageConfig::Row& row : image.config.history()) {
        layers += row.has_layer ? 1 : 0;
        if (is_cmd(row.created_by) && layers > 0 && layers < image.layers.size()) {
            found = BaseLayers{layers, std::nullopt, "history (the base's CMD)"};
        }
    }
    if (const auto named = annotation(image.manifest, kBaseDigestKey); found && named) {
        if (const auto digest = Digest::parse(*named)) {
            found->manifest = *digest;
        }
    }
    return found;
}

} // namespace

Result<FromLayer> FromLayer::parse(std::string_view text) {
    if (text == "auto") {
        return FromLayer{};
    }
    if (text == "all") {
        return FromLayer{Kind::all, 0, {}};
    }
    const bool has_prefix = text.starts_with("sha256:");
    const std::string_view digits = text.substr(has_prefix ? 7 : 0);
    if (is_hex(digits) && digits.size() >= kShortDigestDigits && digits.size() <= kDigestDigits) {
        return FromLayer{Kind::digest, 0, std::string(digits)};
    }
    size_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || end != text.data() + text.size() || count == 0) {
        return fail(
            ErrorCode::invalid_argument,
            fmt::format("\"{}\" is none of auto, all, a number of layers, and a digest", text));
    }
    return FromLayer{Kind::count, count, {}};
}

Result<BaseLayers> base_layers(const FromLayer& from, const ImageLayers& image,
                               const std::vector<OtherImage>& others) {
    switch (from.kind) {
    case FromLayer::Kind::all:
        return BaseLayers{0, std::nullopt, "--from-layer"};
    case FromLayer::Kind::count:
        return by_count(from.count, image);
    case FromLayer::Kind::digest:
        return by_digest(from.digest, image);
    case FromLayer::Kind::automatic:
        break;
    }
    if (auto found = by_other_image(image, others)) {
        return *found;
    }
    if (auto found = by_history(image)) {
        return *found;
    }
    return fail(ErrorCode::failed_precondition,
                "where the base image ends cannot be told from annotations or history: "
                "say --from-layer N, a digest, or all");
}

} // namespace lamina
