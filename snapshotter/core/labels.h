// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"

namespace lamina {

// Labels that containerd gives a meaning (core/snapshots/snapshotter.go, core/unpack/unpacker.go),
// and our own.
namespace label {
inline constexpr std::string_view kSnapshotRef = "containerd.io/snapshot.ref";
inline constexpr std::string_view kDiffId = "containerd.io/snapshot/diff-id";
inline constexpr std::string_view kParentChainId = "containerd.io/snapshot/parent-chain-id";
inline constexpr std::string_view kUidMapping = "containerd.io/snapshot/uidmapping";
inline constexpr std::string_view kGidMapping = "containerd.io/snapshot/gidmapping";
inline constexpr std::string_view kSquash = "containerd.io/snapshot/lamina.squash";
inline constexpr std::string_view kOverlayUpperdir = "containerd.io/snapshot/overlay.upperdir";
} // namespace label

// The value, or empty when there is none: labels never have empty values.
[[nodiscard]] std::string label_value(const Labels& labels, std::string_view key);

// The labels as they are stored, without those that have an empty value, which means deletion
// everywhere in containerd. invalid_argument when a key and its value are longer than 4096 bytes
// together, containerd's limit (pkg/labels/validate.go).
[[nodiscard]] Result<Labels> checked_labels(const Labels& labels);

// `current` after Snapshotter::update() with these arguments.
[[nodiscard]] Result<Labels> updated_labels(const Labels& current, const Labels& wanted,
                                            const std::vector<std::string>& field_paths);

} // namespace lamina
