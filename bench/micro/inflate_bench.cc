// SPDX-License-Identifier: Apache-2.0
// Bytes per second of decoded output, one core.
#include <vector>

#include "bench/micro/inputs.h"
#include "tests/support/encoders.h"
#include "unpacker/codec/decoder.h"

namespace lamina::bench {
namespace {

constexpr size_t kBytes = 64 << 20;
constexpr size_t kFrameBytes = 1 << 20;

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

// All that comes out of `blob`, piece by piece into `visit`.
template <class Visitor>
Status decode(std::string_view blob, std::vector<std::byte>& buffer, Visitor visit) {
    BorrowedSource source(blob);
    TRY_ASSIGN(const auto decoder, open_decoder(source, Encoding::sniff));
    while (true) {
        TRY_ASSIGN(const size_t size, decoder->read(buffer));
        if (size == 0) {
            return {};
        }
        visit(std::string_view(reinterpret_cast<const char*>(buffer.data()), size));
    }
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

BENCHMARK_CAPTURE(decode_blob, plain, plain)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, gzip, gzip)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, zstd, zstd)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_blob, zstd_frames, zstd_frames)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace lamina::bench
