// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "unpacker/image/layout_writer.h"
#include "unpacker/squash/layer_shelf.h"
#include "unpacker/squash/layer_tar.h"
#include "unpacker/squash/squash_image.h"

namespace lamina {

// A manifest of the result.
struct NewManifest {
    Descriptor descriptor;
    Json json;
    SquashedImage report;
};

// Squashes one manifest of a source into a writer. Everything is borrowed.
class ManifestSquasher {
  public:
    ManifestSquasher(const ImageSource& source, LayoutWriter& writer, const SquashOptions& options)
        : source_(source), writer_(writer), options_(options) {}

    Result<NewManifest> squash(const ImageLayers& image, const BaseLayers& base,
                               const std::stop_token& stop);

    // Takes it over as it is.
    Result<NewManifest> copy(const ImageLayers& image, const BaseLayers& base);

  private:
    struct NewLayer;

    Result<std::vector<UnpackedLayer>> unpack_all(const ImageLayers& image, LayerShelf& shelf,
                                                  const std::stop_token& stop);
    Result<NewLayer> write_layer(const ImageLayers& image, size_t kept,
                                 const std::vector<UnpackedLayer>& layers,
                                 const std::stop_token& stop);
    Status prove(const NewLayer& layer, size_t kept, const std::vector<UnpackedLayer>& layers,
                 LayerShelf& shelf, const std::stop_token& stop);
    Result<NewManifest> write_documents(const ImageLayers& image, const BaseLayers& base,
                                        const NewLayer& layer);

    const ImageSource& source_;
    LayoutWriter& writer_;
    const SquashOptions& options_;
};

} // namespace lamina
