// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "unpacker/base/byte_source.h"

namespace lamina::bench {

// `full`, or a hundredth of it where LAMINA_BENCH_TINY is set: the tests only ask whether the
// benchmarks still work.
[[nodiscard]] size_t scaled(size_t full);

// Bytes that compress about 3:1, always the same.
[[nodiscard]] std::string sample_bytes(size_t size);

// An archive of `files` files of `file_bytes` each, a hundred in a directory.
[[nodiscard]] std::string sample_tar(size_t files, size_t file_bytes);

// "sha256:..." of all bytes, hashed in one piece.
[[nodiscard]] std::string checksum(std::string_view bytes);

// What came out, for people and for the compiler, which so cannot leave it out.
void label(benchmark::State& state, std::string_view what);

// Ends the benchmark with an error, which the tests look for, unless `expected` came out.
void check(benchmark::State& state, std::string_view what, const std::string& actual,
           const std::string& expected);

// Bytes that belong to somebody else.
class BorrowedSource final : public ByteSource {
  public:
    explicit BorrowedSource(std::string_view bytes) : rest_(bytes) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        const size_t size = std::min(buffer.size(), rest_.size());
        std::copy_n(reinterpret_cast<const std::byte*>(rest_.data()), size, buffer.begin());
        rest_.remove_prefix(size);
        return size;
    }

  private:
    std::string_view rest_;
};

} // namespace lamina::bench
