// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/base/byte_source.h"
#include "unpacker/base/digest.h"
#include "unpacker/codec/media_type.h"
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

// Whether the layers of a result show, above those that they share with the source, what the
// source shows: type, permissions, owner, modification time to the nanosecond, xattrs, which names
// share an inode, target, device, and every byte of content. The root itself is left out, since no
// layer says anything of it.
//
// The result's layers are read back from their blobs and compared as they go by; they are not
// unpacked, since their form leaves nothing to those who unpack them (layer_stream.h). One thread
// at a time.
class TreeProof {
  public:
    // The lowest `kept` layers of `source` are the result's too, so files that come from there are
    // not read. Times of the source above them count as no later than `mtime_max`.
    TreeProof(StackedLayers source, size_t kept, std::optional<int64_t> mtime_max)
        : source_(std::move(source)), kept_(kept), mtime_max_(mtime_max) {}

    // The next layer of the result, from the bottom. data_loss when its stream does not have the
    // digest `diff_id`, or a form that not all readers take for the same; canceled after `stop`.
    Status add_layer(ByteSource& blob, Encoding encoding, const Digest& diff_id,
                     const std::stop_token& stop);

    // After the last layer: the first path, in path order, at which the two do not show the same.
    [[nodiscard]] Result<std::optional<TreeDifference>>
    first_difference(const std::stop_token& stop) const;

  private:
    const StackedLayers source_;
    const size_t kept_;
    const std::optional<int64_t> mtime_max_;
    std::vector<std::unique_ptr<LayerIndex>> result_; // from the bottom
    std::optional<std::string> other_content_;        // the first path
};

} // namespace lamina
