// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "snapshotter/service/image_documents.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"
#include "unpacker/codec/media_type.h"

namespace lamina {

class BlobStore;
class ContentClient;
struct StoredBlob;

// Where a layer lies: which blob on which chain of parents, for whom. Two layers of one place are
// the same layer, whichever image they come from.
struct LayerPlace {
    std::string containerd_namespace;
    std::string parent_chain_id; // empty for a base layer
    Digest blob;

    auto operator<=>(const LayerPlace&) const = default;
};

// A layer that an image has above another one.
struct LayerAhead {
    LayerPlace place;
    uint64_t size = 0; // bytes of the blob
    Encoding encoding = Encoding::sniff;
    Digest diff_id; // by the image's configuration
};

// Finds out from containerd's content store which layers an image has. Thread-safe.
class ImageLayers {
  public:
    // Both outlive it.
    ImageLayers(ContentClient& client, BlobStore& blobs) : client_(client), blobs_(blobs) {}

    // The layers above the one at `place`, which has `depth` layers below it, nearest first: those
    // on which all images agree that are in the store, have this layer at this place and the next
    // one's blob, if any of them has. Empty when no image is known. Errors: those of containerd;
    // resource_exhausted for more than kManifestsMax images, or more than kBlobsLookedThroughMax
    // blobs in a namespace where no label tells.
    [[nodiscard]] Result<std::vector<LayerAhead>> above(const LayerPlace& place, size_t depth,
                                                        const std::stop_token& stop);

  private:
    Result<std::vector<StoredBlob>> manifests_with(const LayerPlace& place, size_t depth,
                                                   const std::stop_token& stop);
    Result<std::string> read(const std::string& containerd_namespace, const Digest& digest,
                             uint64_t size, const std::stop_token& stop);
    Result<std::vector<LayerAhead>> above_in(const Digest& manifest, uint64_t manifest_size,
                                             const LayerPlace& place, size_t depth,
                                             const std::stop_token& stop);

    ContentClient& client_;
    BlobStore& blobs_;
};

} // namespace lamina
