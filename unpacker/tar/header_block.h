// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "unpacker/base/result.h"

namespace lamina {

// Tar's unit: headers are one block, bodies are padded to a multiple of it (pax(1), "ustar").
inline constexpr size_t kTarBlockBytes = 512;

using TarBlock = std::span<const std::byte, kTarBlockBytes>;

// The fields of one header block as they stand there, of whichever dialect (V7, ustar, GNU, star).
// Absent ones are 0.
struct HeaderBlock {
    char type_flag = 0;
    std::string name; // with its prefix
    std::string link_name;
    int64_t mode = 0;
    int64_t uid = 0;
    int64_t gid = 0;
    int64_t size_bytes = 0;
    int64_t modify_time = 0; // seconds since 1970
    int64_t access_time = 0;
    int64_t device_major = 0;
    int64_t device_minor = 0;
};

[[nodiscard]] bool is_zero_block(TarBlock block);

// invalid_argument for a wrong checksum or a number that is none: exactly where Go's archive/tar
// gives up. Numbers are octal digits or base-256, which may be negative.
[[nodiscard]] Result<HeaderBlock> parse_header_block(TarBlock block);

} // namespace lamina
