// SPDX-License-Identifier: Apache-2.0
// Any bytes through the decoders, with small and large reads, which must agree.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/memory_blob.h"
#include "unpacker/base/check.h"
#include "unpacker/codec/decoder.h"

using namespace lamina;

namespace {

// A few bytes may inflate to very many; the rest is no news.
constexpr size_t kOutputMax = size_t{1} << 20;

struct Decoded {
    std::string bytes;
    bool is_complete = false;
};

Decoded decode(const std::string& input, size_t piece) {
    test::MemoryBlob blob(input, piece);
    const auto decoder = open_decoder(blob, Encoding::sniff);
    Decoded out;
    std::string buffer(std::min(piece, kOutputMax), '\0');
    while (decoder && out.bytes.size() < kOutputMax) {
        const auto got = (*decoder)->read(std::as_writable_bytes(std::span(buffer)));
        if (!got || *got == 0) {
            out.is_complete = got.has_value();
            break;
        }
        out.bytes.append(buffer, 0, *got);
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const Decoded whole = decode(input, kOutputMax);
    const Decoded pieces = decode(input, 61);
    const size_t common = std::min(whole.bytes.size(), pieces.bytes.size());
    CHECK(whole.bytes.compare(0, common, pieces.bytes, 0, common) == 0);
    if (common < kOutputMax) {
        CHECK(whole.is_complete == pieces.is_complete);
    }
    return 0;
}
