// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/entry.h"

namespace lamina::test {

constexpr size_t kTarBlock = 512;

// The bytes of the entries, in order, then the two zero blocks that end an archive. What ustar
// cannot hold goes to PAX records (or GNU extensions for entries marked gnu()).
[[nodiscard]] std::string tar(const Tree& entries);

// The same without the end, for archives that are broken, joined or go on.
[[nodiscard]] std::string tar_body(const Tree& entries);

// One entry: its extension headers, its header, and its content padded to whole blocks.
[[nodiscard]] std::string tar_entry(const Entry& entry);

// n zero blocks.
[[nodiscard]] std::string zero_blocks(size_t n);

// "<length> key=value\n", with the length that counts itself.
[[nodiscard]] std::string pax_record(std::string_view key, std::string_view value);

// A header of type 'x' (for the next entry) or 'g' (for all that follow) with this body, which
// need not be well formed.
[[nodiscard]] std::string pax_header(std::string_view body, char type = 'x');

// A GNU header of type 'L' (name) or 'K' (link target) for the next entry.
[[nodiscard]] std::string gnu_long(std::string_view value, char type);

// A sparse file of the form PAX 1.0: `pieces` are offset and data, `size` is the real size.
[[nodiscard]] std::string
pax_sparse_file(const std::string& name, int64_t size,
                const std::vector<std::pair<int64_t, std::string>>& pieces);

// `value` as GNU's base-256 number in a field of `width` bytes.
[[nodiscard]] std::string base256(int64_t value, size_t width);

} // namespace lamina::test
