// SPDX-License-Identifier: Apache-2.0
// Bytes per second of decoded output.
#include <algorithm>
#include <random>
#include <vector>

#include "bench/micro/inputs.h"
#include "tests/support/encoders.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/codec/parallel_decoder.h"

namespace lamina::bench {
namespace {

constexpr size_t kBytes = 64 << 20;
constexpr size_t kFrameBytes = 1 << 20;
constexpr size_t kMembersBytes = 200 << 20;
constexpr size_t kChunkBytes = 4 << 20;

std::string plain(std::string_view bytes) {
    return std::string(bytes);
}
std::string gzip(std::string_view bytes) {
    return test::gzip(bytes);
}
std::string zstd(std::string_view bytes) {
    return test::zstd(bytes);
}

std::string zstd_frames(std::string_view bytes) {
    std::string frames;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kFrameBytes))) {
        frames += test::zstd(bytes.substr(0, kFrameBytes));
    }
    return frames;
}

// As eStargz has it: a member for each file, or for each 4 MiB of one; most files are small.
const std::string& member_per_file(std::string_view bytes) {
    static const std::string members = [&] {
        std::string blob;
        std::mt19937 random(1);
        while (!bytes.empty()) {
            const size_t file = 1 + (kChunkBytes >> (random() % 14));
            blob += test::gzip(bytes.substr(0, file));
            bytes.remove_prefix(std::min(bytes.size(), file));
        }
        return blob;
    }();
    return members;
}

// All that comes out of a decoder, piece by piece into `visit`.
template <class Visitor>
Status read_all(ByteSource& decoder, std::vector<std::byte>& buffer, Visitor visit) {
    while (true) {
        TRY_ASSIGN(const size_t size, decoder.read(buffer));
        if (size == 0) {
            return {};
        }
        visit(std::string_view(reinterpret_cast<const char*>(buffer.data()), size));
    }
}

template <class Visitor>
Status decode(std::string_view blob, std::vector<std::byte>& buffer, Visitor visit) {
    BorrowedSource source(blob);
    TRY_ASSIGN(const auto decoder, open_decoder(source, Encoding::sniff));
    return read_all(*decoder, buffer, visit);
}

void decode_blob(benchmark::State& state, std::string (*encode)(std::string_view)) {
    const std::string bytes = sample_bytes(scaled(kBytes));
    const std::string blob = encode(bytes);
    std::vector<std::byte> buffer(256 * 1024);
    size_t total = 0;
    for ([[maybe_unused]] auto _ : state) {
        if (!decode(blob, buffer, [&](std::string_view piece) { total += piece.size(); })) {
            state.SkipWithError("cannot decode");
        }
    }
    state.SetBytesProcessed(static_cast<int64_t>(total));
    std::string decoded;
    (void)decode(blob, buffer, [&](std::string_view piece) { decoded += piece; });
    check(state, "decoded bytes", checksum(decoded), checksum(bytes));
}

// By as many threads as the benchmark's argument says.
void decode_members(benchmark::State& state) {
    const std::string bytes = sample_bytes(scaled(kMembersBytes));
    const std::string& blob = member_per_file(bytes);
    std::vector<std::byte> buffer(256 * 1024);
    std::string decoded;
    for ([[maybe_unused]] auto _ : state) {
        state.PauseTiming();
        decoded.clear();
        decoded.reserve(bytes.size());
        state.ResumeTiming();
        BorrowedSource source(blob);
        ParallelDecoder decoder(InputWindow(source), gzip_pieces(),
                                static_cast<unsigned>(state.range(0)));
        if (!read_all(decoder, buffer, [&](std::string_view piece) { decoded += piece; })) {
            state.SkipWithError("cannot decode");
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
    check(state, "decoded bytes", checksum(decoded), checksum(bytes));
}

BENCHMARK(decode_members)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(decode_blob, plain, plain)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, gzip, gzip)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, zstd, zstd)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, zstd_frames, zstd_frames)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace lamina::bench
