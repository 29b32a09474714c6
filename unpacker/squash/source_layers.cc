// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/source_layers.h"

#include <fmt/format.h>

#include "unpacker/codec/media_type.h"

namespace lamina {

Result<SourceLayers> SourceLayers::unpack(const ImageSource& source, const ImageLayers& image,
                                          LayerShelf& shelf, const Say& say,
                                          const std::stop_token& stop) {
    SourceLayers out;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const Descriptor& descriptor = image.layers[i];
        say(fmt::format("{}: unpacking layer {} of {}", image.config.platform(), i + 1,
                        image.layers.size()));
        TRY_ASSIGN(const auto blob, source.open_blob(descriptor));
        TRY_ASSIGN(const Encoding encoding, encoding_of_media_type(descriptor.media_type));
        auto layer = shelf.unpack(*blob, encoding, image.config.diff_ids()[i], out.layers_, stop);
        if (!layer) {
            return fail(with_context(descriptor.digest.text(), layer.error()));
        }
        out.layers_.push_back(*std::move(layer));
    }
    return out;
}

MergeLayers SourceLayers::merge_above(size_t kept) const {
    return {above(kept).indexes, stack(0, kept).indexes};
}

StackedLayers SourceLayers::stack(size_t begin, size_t end) const {
    StackedLayers out;
    for (size_t i = end; i > begin; --i) {
        out.indexes.push_back(layers_[i - 1].index.get());
        out.roots.push_back(layers_[i - 1].root.get());
    }
    return out;
}

} // namespace lamina
