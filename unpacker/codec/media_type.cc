// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/media_type.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace lamina {
namespace {

struct LayerType {
    std::string_view name;
    Encoding encoding;
};

// OCI image-spec media-types.md and Docker's image manifest v2 schema 2. Docker's plain type may
// hold compressed bytes, so it is sniffed as well.
constexpr std::array kLayerTypes{
    LayerType{"application/vnd.oci.image.layer.v1.tar", Encoding::plain},
    LayerType{"application/vnd.oci.image.layer.v1.tar+gzip", Encoding::sniff},
    LayerType{"application/vnd.oci.image.layer.v1.tar+zstd", Encoding::sniff},
    LayerType{"application/vnd.oci.image.layer.nondistributable.v1.tar", Encoding::plain},
    LayerType{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Encoding::sniff},
    LayerType{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar.gzip", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar.zstd", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.foreign.diff.tar", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Encoding::sniff},
    LayerType{"application/vnd.docker.image.rootfs.foreign.diff.tar.zstd", Encoding::sniff},
};

} // namespace

Result<Encoding> encoding_of_media_type(std::string_view media_type) {
    const auto* found = std::ranges::find(kLayerTypes, media_type, &LayerType::name);
    if (found == kLayerTypes.end()) {
        return fail(ErrorCode::unimplemented,
                    fmt::format("layer media type \"{}\" is not one lamina unpacks", media_type));
    }
    return found->encoding;
}

} // namespace lamina
