// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpacker/image/image_source.h"
#include "unpacker/squash/base_layers.h"

namespace lamina {

// An image, or an index of images, as far as squashing is concerned.
struct ImageNode {
    Descriptor descriptor;
    Json index;                         // the document, of an index
    std::vector<ImageNode> children;    // same
    std::unique_ptr<ImageLayers> image; // of a manifest
};

using Say = std::function<void(const std::string& line)>;

// Reads an index or manifest with all that it leads to, but for layers. Attestations, manifests
// that are no image's, and manifests of an index that are not at hand are left out, which `say` is
// told. invalid_argument for documents that contradict each other.
[[nodiscard]] Result<ImageNode> read_image_tree(const ImageSource& source,
                                                const Descriptor& descriptor, const Say& say);

// All images in the tree. They stay where they are when the tree moves.
[[nodiscard]] std::vector<const ImageLayers*> images_in(const ImageNode& node);

} // namespace lamina
