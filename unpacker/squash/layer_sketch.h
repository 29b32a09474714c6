// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "unpacker/base/byte_source.h"
#include "unpacker/base/digest.h"
#include "unpacker/codec/media_type.h"
#include "unpacker/index/layer_index.h"

namespace lamina {

// What a layer would be when unpacked, told by its stream alone: nothing is written. As then, names
// lead through symbolic links of the layer itself, and a hard link to anything else than a file of
// the layer is not_found.
struct LayerSketch {
    std::unique_ptr<LayerIndex> index;            // stays where it is when this moves
    std::map<Sha256Hash, uint64_t> xattr_bytes{}; // of PAX, by IndexEntry::xattrs
    uint64_t tar_bytes = 0;
};

// Directories that are only implied are those of `below`, topmost first, but not those behind links
// there. data_loss when the stream does not have the digest `diff_id`; canceled soon after `stop`.
[[nodiscard]] Result<LayerSketch> sketch_layer(ByteSource& blob, Encoding encoding,
                                               const Digest& diff_id,
                                               const std::vector<const LayerSketch*>& below,
                                               const std::stop_token& stop);

} // namespace lamina
