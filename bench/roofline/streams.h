// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "unpacker/base/result.h"

namespace lamina::bench {

// Decodes a whole blob, gzip by ISA-L or zstd by libzstd, into one buffer over and over, and
// returns how many bytes came out. Any other blob counts as it is.
[[nodiscard]] Result<uint64_t> decode_away(std::span<std::byte> blob);

// The digest, "sha256:<hex>", of bytes that are read in the pieces a pipeline would hand over.
[[nodiscard]] std::string hash_away(std::span<const std::byte> bytes);

} // namespace lamina::bench
