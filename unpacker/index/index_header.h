// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lamina {

// Front and end of the file of an index; layer_index.h says what is between them.
inline constexpr uint32_t kIndexVersion = 1;
inline constexpr size_t kIndexHeaderBytes = 8 + 4;
inline constexpr size_t kIndexDigestBytes = 32;

struct IndexHeader {
    bool is_ours = false;
    uint32_t version = 0;
};

// `bytes` has kIndexHeaderBytes or more.
[[nodiscard]] IndexHeader read_index_header(std::string_view bytes);
[[nodiscard]] std::string make_index_header();

// The bytes that end a file which begins with `bytes`.
[[nodiscard]] std::string index_digest(std::string_view bytes);

} // namespace lamina
