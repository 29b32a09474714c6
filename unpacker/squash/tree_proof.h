// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/index/layer_index.h"

namespace lamina {

// Layers on disk as an overlay mount would take them, topmost first; everything is borrowed.
struct StackedLayers {
    std::vector<const LayerIndex*> indexes;
    std::vector<int> roots; // of the same layers
};

struct TreeDifference {
    std::string path;
    std::string what; // "mode", "content", "missing", ...
};

// The first path, in path order, at which the two stacks do not show the same: type, permissions,
// owner, modification time to the nanosecond, xattrs, which names share an inode, target, device,
// and every byte of content. Nothing when they are the same. The root itself is left out, since no
// layer says anything of it.
//
// The lowest `shared` layers of both are the same trees, so files that come from there are not
// read. Times of `before` above them count as no later than `mtime_max`. canceled after `stop`.
[[nodiscard]] Result<std::optional<TreeDifference>>
first_difference(const StackedLayers& before, const StackedLayers& after, size_t shared,
                 std::optional<int64_t> mtime_max, const std::stop_token& stop);

} // namespace lamina
