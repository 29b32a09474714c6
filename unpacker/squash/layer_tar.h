// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "unpacker/base/byte_sink.h"
#include "unpacker/merge/merge.h"

namespace lamina {

struct LayerTarReport {
    uint64_t entries = 0;
    uint64_t whiteouts = 0; // opaque marks included
};

// Writes the layer that stands for `layers.range` as a tar stream to `tar` (borrowed, not
// finished). `roots` are the trees of the range, in its order, in overlayfs' form. First come all
// whiteouts with the directories above them, then everything else, both in path order; an opaque
// mark follows its directory at once. The root itself has no entry: unpacking would pass over it.
//
// failed_precondition, naming it, for what a layer cannot hold: a socket. canceled after `stop`.
[[nodiscard]] Result<LayerTarReport> write_layer_tar(const MergeLayers& layers,
                                                     const std::vector<int>& roots,
                                                     std::optional<int64_t> mtime_max,
                                                     ByteSink& tar, const std::stop_token& stop);

} // namespace lamina
