// SPDX-License-Identifier: Apache-2.0
// Any bytes through the decoders, with small and large reads, and members of gzip on one thread and
// on several: all must agree.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "tests/support/memory_blob.h"
#include "unpacker/base/check.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/codec/parallel_decoder.h"

using namespace lamina;

namespace {

// A few bytes may inflate to very many; the rest is no news.
constexpr size_t kOutputMax = size_t{1} << 20;

struct Decoded {
    std::string bytes;
    bool is_complete = false;
};

// Pieces small enough for what a fuzzer makes.
constexpr PieceBounds kBounds{64, 4096, 65536};

Decoded read_all(ByteSource& decoder, size_t piece) {
    Decoded out;
    std::string buffer(std::min(piece, kOutputMax), '\0');
    while (out.bytes.size() < kOutputMax) {
        const auto got = decoder.read(std::as_writable_bytes(std::span(buffer)));
        if (!got || *got == 0) {
            out.is_complete = got.has_value();
            break;
        }
        out.bytes.append(buffer, 0, *got);
    }
    return out;
}

Decoded decode(const std::string& input, size_t piece) {
    test::MemoryBlob blob(input, piece);
    const auto decoder = open_decoder(blob, Encoding::sniff);
    CHECK(decoder.has_value());
    return read_all(**decoder, piece);
}

Decoded decode_members(const std::string& input, unsigned threads) {
    test::MemoryBlob blob(input);
    ParallelDecoder decoder(InputWindow(blob), gzip_pieces(), threads, kBounds);
    return read_all(decoder, kOutputMax);
}

void expect_same(const Decoded& a, const Decoded& b) {
    const size_t common = std::min(a.bytes.size(), b.bytes.size());
    CHECK(a.bytes.compare(0, common, b.bytes, 0, common) == 0);
    if (common < kOutputMax) {
        CHECK(a.is_complete == b.is_complete);
        CHECK(!a.is_complete || a.bytes.size() == b.bytes.size());
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    expect_same(decode(input, kOutputMax), decode(input, 61));
    expect_same(decode_members(input, 1), decode_members(input, 3));
    return 0;
}
