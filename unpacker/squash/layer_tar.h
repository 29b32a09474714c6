// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "unpacker/base/byte_sink.h"
#include "unpacker/base/byte_source.h"
#include "unpacker/merge/merge.h"
#include "unpacker/squash/layer_split.h"
#include "unpacker/tar/entry.h"

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
};

// What is in the entries of a merge.
class LayerContents {
  public:
    virtual ~LayerContents() = default;

    // All but marks of overlayfs and the host's own label. Asked for where there are any.
    virtual Result<Xattrs> xattrs_of(const MergedEntry& merged) = 0;
    // The bytes of a file, to be read before anything else is asked for.
    virtual Result<std::unique_ptr<ByteSource>> open(const MergedEntry& file) = 0;
};

// Writes a layer that stands for `layers.range`, or one of those that do so together, as a tar
// stream to `tar` (borrowed, not finished). `contents` are those of the range. First come all
// whiteouts and opaque directories with the directories above them, then everything else, both in
// path order; an opaque mark follows its directory at once. The root itself has no entry: unpacking
// would pass over it.
//
// failed_precondition, naming it, for what a layer cannot hold: a socket. canceled after `stop`.
[[nodiscard]] Result<LayerTarReport> write_layer_tar(const MergeLayers& layers,
                                                     LayerContents& contents,
                                                     const LayerTarOptions& options, ByteSink& tar,
                                                     const std::stop_token& stop);

} // namespace lamina
