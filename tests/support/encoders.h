// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lamina::test {

// Encoders that share no code with the product's decoders. Members and frames are joined by '+'.

// One gzip member, by zlib.
[[nodiscard]] std::string gzip(std::string_view bytes, int level = 6);

// One gzip member whose header has a name, a comment, an extra field and a header CRC (RFC 1952).
[[nodiscard]] std::string gzip_with_header_fields(std::string_view bytes);

// BGZF: members of at most `member_bytes` that tell their own size, and the empty one at the end.
[[nodiscard]] std::string bgzf(std::string_view bytes, size_t member_bytes = 60'000);

// One zstd frame with a checksum, by libzstd.
[[nodiscard]] std::string zstd(std::string_view bytes, int level = 3);

// A skippable zstd frame (RFC 8878, 3.1.2) with `bytes` as its content.
[[nodiscard]] std::string zstd_skippable(std::string_view bytes);

// All but the last `count` bytes.
[[nodiscard]] std::string truncated(std::string bytes, size_t count);

// The byte at `offset` flipped; a negative offset counts from the end.
[[nodiscard]] std::string flipped(std::string bytes, long offset);

} // namespace lamina::test
