// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "unpacker/merge/merge.h"
#include "unpacker/squash/image_tree.h"
#include "unpacker/squash/layer_shelf.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {

// The layers of an image that is squashed, unpacked.
class SourceLayers {
  public:
    // `shelf` outlives it. data_loss for a layer that is not what the image says.
    static Result<SourceLayers> unpack(const ImageSource& source, const ImageLayers& image,
                                       LayerShelf& shelf, const Say& say,
                                       const std::stop_token& stop);

    [[nodiscard]] StackedLayers all() const { return stack(0, layers_.size()); }
    // Those above the lowest `kept`.
    [[nodiscard]] StackedLayers above(size_t kept) const { return stack(kept, layers_.size()); }
    // The same, with those below as the base.
    [[nodiscard]] MergeLayers merge_above(size_t kept) const;

  private:
    [[nodiscard]] StackedLayers stack(size_t begin, size_t end) const;

    std::vector<UnpackedLayer> layers_; // from the bottom
};

} // namespace lamina
