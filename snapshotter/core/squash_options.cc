// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/squash_options.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "snapshotter/core/labels.h"
#include "snapshotter/core/mount_plan.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

constexpr std::array kModes = {SquashMode::off, SquashMode::automatic, SquashMode::always};
constexpr std::array kBackends = {LeafSource::hard_link, LeafSource::reflink, LeafSource::copy};

// The one of `values` that has the name `text`.
template <class Value, size_t N>
Result<Value> parse_name(std::string_view text, const std::array<Value, N>& values) {
    std::array<std::string_view, N> names;
    std::ranges::transform(values, names.begin(), [](Value value) { return name_of(value); });
    const auto* found = std::ranges::find(names, text);
    if (found == names.end()) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("\"{:.64}\" is neither {}", text, fmt::join(names, " nor ")));
    }
    return values[static_cast<size_t>(found - names.begin())];
}

// A label comes from whoever made the image: one that says nothing known must not fail a commit.
SquashMode mode_for(const SquashOptions& options, const Labels& labels) {
    const std::string wish = label_value(labels, label::kSquash);
    if (wish.empty()) {
        return options.mode;
    }
    const auto mode = parse_squash_mode(wish);
    if (!mode) {
        log::warn("label is ignored", {{"label", label::kSquash}, {"error", mode.error().message}});
    }
    return mode.value_or(options.mode);
}

} // namespace

std::string_view name_of(SquashMode mode) {
    switch (mode) {
    case SquashMode::automatic:
        return "auto";
    case SquashMode::always:
        return "always";
    default:
        return "off";
    }
}

Result<SquashMode> parse_squash_mode(std::string_view text) {
    return parse_name(text, kModes);
}

std::string_view name_of(LeafSource backend) {
    switch (backend) {
    case LeafSource::reflink:
        return "reflink";
    case LeafSource::copy:
        return "copy";
    default:
        return "hardlink";
    }
}

Result<LeafSource> parse_squash_backend(std::string_view text) {
    return parse_name(text, kBackends);
}

bool maps_ids(const Labels& labels) {
    return !label_value(labels, label::kUidMapping).empty() ||
           !label_value(labels, label::kGidMapping).empty();
}

bool asks_for_flat_tree(const SquashOptions& options, std::string_view key, const Labels& labels) {
    const SquashMode mode = mode_for(options, labels);
    const bool is_image_layer =
        is_extract_key(key) || !label_value(labels, label::kSnapshotRef).empty();
    return mode == SquashMode::always || (mode == SquashMode::automatic && is_image_layer);
}

bool is_deep_enough(const SquashOptions& options, size_t lowers) {
    return lowers >= std::max<size_t>(options.min_layers, size_t{options.keep_base} + 2);
}

} // namespace lamina
