// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "unpacker/base/result.h"

namespace lamina {

// What a layer's media type says of its bytes.
enum class Encoding {
    // Take the bytes as they are (OCI's plain tar, which containerd does not sniff).
    plain,
    // Look at the first bytes: gzip, zstd or else plain. Also for types that name a compression:
    // containerd takes the name as a hint only (pkg/archive/compression, DetectCompression).
    sniff,
};

// Encoding of an OCI or Docker layer media type. Unimplemented for every other type and for
// encrypted layers ("+encrypted"), so that containerd asks its next differ.
[[nodiscard]] Result<Encoding> encoding_of_media_type(std::string_view media_type);

} // namespace lamina
