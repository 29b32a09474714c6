// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "unpacker/merge/layer_trees.h"
#include "unpacker/squash/layer_tar.h"

namespace lamina {

// Contents of layers that are unpacked, in overlayfs' form.
class TreeContents final : public LayerContents {
  public:
    explicit TreeContents(LayerTrees trees) : trees_(std::move(trees)) {}

    Result<Xattrs> xattrs_of(const MergedEntry& merged) override;
    Result<std::unique_ptr<ByteSource>> open(const MergedEntry& file) override;

  private:
    LayerTrees trees_;
};

} // namespace lamina
