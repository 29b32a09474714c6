// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "unpacker/base/byte_sink.h"
#include "unpacker/merge/merge.h"
#include "unpacker/squash/layer_split.h"

namespace lamina {

struct LayerTarReport {
    uint64_t entries = 0;
    uint64_t whiteouts = 0; // opaque marks included
};

// What goes into the tar of a layer.
struct LayerTarOptions {
    LayerSplit split;
    size_t part = 0; // which of its layers
    // Seconds since 1970 that no time exceeds.
    std::optional<int64_t> mtime_max;
    // Zeros in place of what files hold, which is not read: for those who only count.
    bool is_rehearsal = false;
};

// Writes a layer that stands for `layers.range`, or one of those that do so together, as a tar
// stream to `tar` (borrowed, not finished). `roots` are the trees of the range, in its order, in
// overlayfs' form. First come all whiteouts and opaque directories with the directories above them,
// then everything else, both in path order; an opaque mark follows its directory at once. The root
// itself has no entry: unpacking would pass over it.
//
// failed_precondition, naming it, for what a layer cannot hold: a socket. canceled after `stop`.
[[nodiscard]] Result<LayerTarReport> write_layer_tar(const MergeLayers& layers,
                                                     const std::vector<int>& roots,
                                                     const LayerTarOptions& options, ByteSink& tar,
                                                     const std::stop_token& stop);

} // namespace lamina
