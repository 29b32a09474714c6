// SPDX-License-Identifier: Apache-2.0
// Entries per second out of an archive in memory; no filesystem.
#include <vector>

#include <fmt/format.h>

#include "bench/micro/inputs.h"
#include "unpacker/base/limits.h"
#include "unpacker/tar/reader.h"

namespace lamina::bench {
namespace {

std::vector<Slice> cut(const std::string& tar) {
    std::vector<Slice> slices;
    for (size_t at = 0; at < tar.size(); at += limits::kChunkBytes) {
        const std::string_view piece = std::string_view(tar).substr(at, limits::kChunkBytes);
        slices.push_back(
            copy_to_slice({reinterpret_cast<const std::byte*>(piece.data()), piece.size()}));
    }
    return slices;
}

struct Count {
    size_t entries = 0;
    size_t content_bytes = 0;
};

Result<Count> read_all(const std::vector<Slice>& slices) {
    auto at = slices.begin();
    TarReader reader([&]() -> std::optional<Slice> {
        return at == slices.end() ? std::nullopt : std::optional(*at++);
    });
    Count count;
    while (true) {
        TRY_ASSIGN(const auto entry, reader.next_entry());
        if (!entry) {
            return count;
        }
        ++count.entries;
        while (true) {
            TRY_ASSIGN(const auto block, reader.next_block());
            if (!block) {
                break;
            }
            count.content_bytes += block->slice.bytes.size();
        }
    }
}

void parse_tar(benchmark::State& state) {
    const size_t files = scaled(20'000);
    const auto file_bytes = static_cast<size_t>(state.range(0));
    const std::string tar = sample_tar(files, file_bytes);
    const std::vector<Slice> slices = cut(tar);
    Count count;
    for ([[maybe_unused]] auto _ : state) {
        count = read_all(slices).value_or(Count{});
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count.entries));
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(tar.size()));
    check(state, "archive", fmt::format("{} entries, {} bytes", count.entries, count.content_bytes),
          fmt::format("{} entries, {} bytes", files + ((files + 99) / 100), files * file_bytes));
}

BENCHMARK(parse_tar)->Arg(0)->Arg(3 << 10)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace lamina::bench
