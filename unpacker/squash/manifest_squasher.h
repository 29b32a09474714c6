// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <thread>
#include <vector>

#include "unpacker/image/layout_writer.h"
#include "unpacker/squash/squash_image.h"

namespace lamina {

class LayerShelf;
class LayerSplit;
class SourceLayers;

// A manifest of the result.
struct NewManifest {
    Descriptor descriptor;
    Json json;
    SquashedImage report;
};

// Squashes manifests of a source into a writer. Everything is borrowed. What was unpacked for one
// is removed in the background; the last of it before this goes.
class ManifestSquasher {
  public:
    ManifestSquasher(const ImageSource& source, LayoutWriter& writer, const SquashOptions& options)
        : source_(source), writer_(writer), options_(options) {}

    Result<NewManifest> squash(const ImageLayers& image, const BaseLayers& base,
                               const std::stop_token& stop);

    // Takes it over as it is.
    Result<NewManifest> copy(const ImageLayers& image, const BaseLayers& base,
                             const std::stop_token& stop);

  private:
    struct WrittenLayer;

    // The lowest `count` layers, as they are.
    Status copy_layers(const ImageLayers& image, size_t count, const std::stop_token& stop);
    Result<std::vector<WrittenLayer>> write_layers(const ImageLayers& image, size_t kept,
                                                   const SourceLayers& layers,
                                                   const std::stop_token& stop);
    Result<WrittenLayer> write_layer(const std::string& type, size_t kept,
                                     const SourceLayers& layers, const LayerSplit& split,
                                     size_t part, const std::stop_token& stop);
    Status prove(const std::vector<WrittenLayer>& written, size_t kept, const SourceLayers& layers,
                 const std::stop_token& stop);
    Result<NewManifest> write_documents(const ImageLayers& image, const BaseLayers& base,
                                        const std::vector<WrittenLayer>& written,
                                        const std::stop_token& stop);

    const ImageSource& source_;
    LayoutWriter& writer_;
    const SquashOptions& options_;
    std::vector<std::jthread> removals_;
};

// What squash() would make of the image, told by the names and sizes in its layers' streams
// (layer_sketch.h); nothing is unpacked. Its layers are taken to be compressed as well as those of
// the source that their files come from.
[[nodiscard]] Result<SquashedImage> predict_squash(const ImageSource& source,
                                                   const ImageLayers& image, const BaseLayers& base,
                                                   const SquashOptions& options,
                                                   const std::stop_token& stop);

// Of the lowest `count` layers, as they are transferred.
[[nodiscard]] uint64_t blob_bytes(const std::vector<Descriptor>& layers, size_t count);

// The report of an image that stays as it is.
[[nodiscard]] SquashedImage report_unchanged(const ImageLayers& image, const BaseLayers& base);

} // namespace lamina
