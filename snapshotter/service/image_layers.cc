// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/image_layers.h"

#include <algorithm>

#include <fmt/format.h>

#include "snapshotter/service/blob_store.h"
#include "snapshotter/service/content_client.h"
#include "snapshotter/service/limits.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

using Layers = std::vector<LayerAhead>;

bool is_at(const LayerPlace& place, size_t depth, const ImageManifest& manifest,
           const std::vector<Digest>& chain) {
    return chain.size() == manifest.layers.size() && depth < chain.size() &&
           manifest.layers[depth].digest == place.blob &&
           (depth == 0 ? "" : chain[depth - 1].text()) == place.parent_chain_id;
}

bool is_same_layer(const LayerAhead& one, const LayerAhead& other) {
    return one.place == other.place && one.size == other.size && one.encoding == other.encoding &&
           one.diff_id == other.diff_id;
}

// As far as all say the same.
Layers common_start(const std::vector<Layers>& images) {
    if (images.empty()) {
        return {};
    }
    Layers common = images.front();
    for (const Layers& layers : images) {
        const auto [end, unused] = std::ranges::mismatch(common, layers, is_same_layer);
        common.erase(end, common.end());
    }
    return common;
}

} // namespace

Result<Layers> ImageLayers::above(const LayerPlace& place, size_t depth,
                                  const std::stop_token& stop) {
    TRY_ASSIGN(const auto manifests, manifests_with(place, depth, stop));
    std::vector<Layers> images;
    for (const StoredBlob& manifest : manifests) {
        auto layers = above_in(manifest.digest, manifest.size, place, depth, stop);
        if (!layers) { // the others may still be good
            log::debug("cannot read an image",
                       {{"digest", manifest.digest.text()}, {"error", layers.error().message}});
        } else if (!layers->empty()) {
            images.push_back(*std::move(layers));
        }
    }
    // Of images that part ways here, the one that is being pulled has its blobs, or will soon.
    const auto without_blob = std::ranges::partition(images, [&](const Layers& layers) {
        const LayerAhead& next = layers.front();
        return blobs_.has(place.containerd_namespace, next.place.blob, next.size, stop);
    });
    if (without_blob.size() < images.size()) {
        images.erase(without_blob.begin(), images.end());
    }
    return common_start(images);
}

// Blobs that may be manifests with that layer; or none is.
Result<std::vector<StoredBlob>> ImageLayers::manifests_with(const LayerPlace& place, size_t depth,
                                                            const std::stop_token& stop) {
    // containerd labels each manifest with its layers' digests, numbered from the base on
    // (core/images, ChildGCLabels). A snapshot's depth is that number, so one question is enough.
    const std::string filter =
        fmt::format(R"(labels."containerd.io/gc.ref.content.l.{}"=={})", depth, place.blob.text());
    TRY_ASSIGN(auto manifests,
               client_.list(place.containerd_namespace, filter, kManifestsMax, stop));
    if (!manifests.empty()) {
        return manifests;
    }
    // BuildKit's pull (util/pull) gives no such labels, and CRI's gives none for layers where it is
    // to discard their blobs. But what is being pulled came last.
    return client_.pulled_last(place.containerd_namespace, kImageDocumentBytesMax,
                               kDocumentsReadMax, stop);
}

Result<Layers> ImageLayers::above_in(const Digest& manifest_digest, uint64_t manifest_size,
                                     const LayerPlace& place, size_t depth,
                                     const std::stop_token& stop) {
    const std::string& containerd_namespace = place.containerd_namespace;
    TRY_ASSIGN(const std::string manifest_text,
               read(containerd_namespace, manifest_digest, manifest_size, stop));
    TRY_ASSIGN(const ImageManifest manifest, parse_image_manifest(manifest_text));
    TRY_ASSIGN(const std::string config_text,
               read(containerd_namespace, manifest.config.digest, manifest.config.size, stop));
    TRY_ASSIGN(const std::vector<Digest> diff_ids, parse_diff_ids(config_text));
    const std::vector<Digest> chain = chain_ids(diff_ids);
    Layers layers;
    if (!is_at(place, depth, manifest, chain)) {
        return layers;
    }
    const size_t end = std::min(chain.size(), depth + 1 + kLayersAheadMax);
    for (size_t i = depth + 1; i < end; ++i) {
        const BlobDescriptor& layer = manifest.layers[i];
        TRY_ASSIGN(const Encoding encoding, encoding_of_media_type(layer.media_type));
        layers.push_back({{containerd_namespace, chain[i - 1].text(), layer.digest},
                          layer.size,
                          encoding,
                          diff_ids[i]});
    }
    return layers;
}

Result<std::string> ImageLayers::read(const std::string& containerd_namespace, const Digest& digest,
                                      uint64_t size, const std::stop_token& stop) {
    if (size > kImageDocumentBytesMax) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("{} has {} bytes, too many for a manifest or configuration",
                                digest.text(), size));
    }
    return blobs_.read(containerd_namespace, digest, size, stop);
}

} // namespace lamina
