// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/media_types.h"

namespace lamina {

std::string layer_type(std::string_view manifest_type, Compression compression) {
    const bool is_docker = manifest_type == kDockerManifestType;
    std::string type = is_docker ? "application/vnd.docker.image.rootfs.diff.tar"
                                 : "application/vnd.oci.image.layer.v1.tar";
    if (compression != Compression::none) {
        type += (is_docker ? "." : "+");
        type += name_of(compression);
    }
    return type;
}

} // namespace lamina
