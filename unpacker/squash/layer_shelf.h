// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/index/layer_index.h"
#include "unpacker/pipeline/layer_unpacker.h"
#include "unpacker/squash/scratch_directory.h"

namespace lamina {

// A layer as a directory in overlayfs' form.
struct UnpackedLayer {
    std::string path;
    Fd root;
    std::unique_ptr<LayerIndex> index; // stays where it is when this moves
};

// Unpacks layers into private directories of a scratch directory, which goes with it. Needs root,
// as they have owners and devices.
class LayerShelf {
  public:
    // failed_precondition for a directory whose filesystem cannot hold all that layers have.
    static Result<LayerShelf> create(const std::string& tmp_dir);

    // `below` from the bottom. data_loss when the stream does not have the digest `diff_id`.
    Result<UnpackedLayer> unpack(BlobSource& blob, Encoding encoding, const Digest& diff_id,
                                 const std::vector<UnpackedLayer>& below,
                                 const std::stop_token& stop);

  private:
    LayerShelf(ScratchDirectory scratch, UnpackOptions options)
        : scratch_(std::move(scratch)), options_(options) {}

    ScratchDirectory scratch_;
    UnpackOptions options_;
    size_t count_ = 0;
};

} // namespace lamina
