// SPDX-License-Identifier: Apache-2.0
// SHA-256 of a stream, one core, in the pieces that the pipeline hands over.
#include "bench/micro/inputs.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/limits.h"

namespace lamina::bench {
namespace {

void sha256(benchmark::State& state) {
    const std::string bytes = sample_bytes(scaled(64 << 20));
    const std::span<const std::byte> all(reinterpret_cast<const std::byte*>(bytes.data()),
                                         bytes.size());
    std::string digest;
    for ([[maybe_unused]] auto _ : state) {
        Sha256 hash;
        for (size_t at = 0; at < all.size(); at += limits::kChunkBytes) {
            hash.update(all.subspan(at, std::min(limits::kChunkBytes, all.size() - at)));
        }
        digest = hash.finish().text();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
    check(state, "digest", digest, checksum(bytes));
}

BENCHMARK(sha256)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace lamina::bench
