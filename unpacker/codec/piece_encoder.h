// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "unpacker/base/result.h"
#include "unpacker/codec/pieces.h"

namespace lamina {

// Makes one whole member or frame of some bytes, which may be none. Any number of threads at once.
class PieceEncoder {
  public:
    virtual ~PieceEncoder() = default;
    [[nodiscard]] virtual Result<Bytes> encode(std::span<const std::byte> plain) const = 0;
};

[[nodiscard]] std::unique_ptr<PieceEncoder> gzip_members();
// Frames that tell their decoded size, with a checksum.
[[nodiscard]] std::unique_ptr<PieceEncoder> zstd_frames();

} // namespace lamina
