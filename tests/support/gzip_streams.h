// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace lamina::test {

// A gzip stream of many members, and what it decodes to.
struct GzipStream {
    std::string blob;
    std::string bytes;
    std::vector<size_t> borders; // offsets in blob where members begin, its end included

    void add(const std::string& member, const std::string& decoded);
};

// Bytes that compress to about a half.
[[nodiscard]] std::string half_random_bytes(std::mt19937& random, size_t size);

// Members of 0 to `bytes_max` bytes, small ones more often: compressed, stored, with all header
// fields, of zeros, and such that keep whole .gz files and bare gzip headers in stored blocks.
[[nodiscard]] GzipStream random_members(std::mt19937& random, size_t members, size_t bytes_max);

// As eStargz has it: one member for each file of 1 byte to `file_bytes_max`.
[[nodiscard]] GzipStream member_per_file(size_t total_bytes, size_t file_bytes_max);

} // namespace lamina::test
