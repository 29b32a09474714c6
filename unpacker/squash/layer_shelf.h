// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/index/layer_index.h"
#include "unpacker/pipeline/layer_unpacker.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {

// A private directory below another one, removed with all that is in it.
class ScratchDirectory {
  public:
    static Result<ScratchDirectory> create(const std::string& parent);
    ScratchDirectory(ScratchDirectory&&) = default;
    ~ScratchDirectory();

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    ScratchDirectory(Fd parent, std::string name, std::string path)
        : parent_(std::move(parent)), name_(std::move(name)), path_(std::move(path)) {}

    Fd parent_;
    std::string name_;
    std::string path_;
};

// A layer as a directory in overlayfs' form.
struct UnpackedLayer {
    std::string path;
    Fd root;
    std::unique_ptr<LayerIndex> index; // stays where it is when this moves
};

// Layers from the bottom, as a merge wants them.
[[nodiscard]] StackedLayers stacked(const std::vector<const UnpackedLayer*>& layers);

// Unpacks layers into private directories of a scratch directory. Needs root, as they have owners
// and devices.
class LayerShelf {
  public:
    static Result<LayerShelf> create(const std::string& tmp_dir);

    // `below` from the bottom. data_loss when the stream does not have the digest `diff_id`.
    Result<UnpackedLayer> unpack(BlobSource& blob, Encoding encoding, const Digest& diff_id,
                                 const std::vector<const UnpackedLayer*>& below,
                                 const std::stop_token& stop);

  private:
    LayerShelf(ScratchDirectory scratch, UnpackOptions options)
        : scratch_(std::move(scratch)), options_(options) {}

    ScratchDirectory scratch_;
    UnpackOptions options_;
    size_t count_ = 0;
};

} // namespace lamina
