// SPDX-License-Identifier: Apache-2.0
// How much memory documents take that were made to take much. A program of its own, since it counts
// what operator new gives.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "snapshotter/service/image_documents.h"
#include "snapshotter/service/limits.h"

namespace {

size_t now = 0; // one thread
size_t peak = 0;

} // namespace

// Not inlined, or GCC takes the pairs apart and finds that they do not fit
// (-Wmismatched-new-delete).
[[gnu::noinline]] void* operator new(size_t bytes) {
    void* const memory = std::malloc(bytes);
    if (memory == nullptr) {
        std::abort();
    }
    now += malloc_usable_size(memory);
    peak = std::max(peak, now);
    return memory;
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory != nullptr) {
        now -= malloc_usable_size(memory);
    }
    std::free(memory);
}

[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
    operator delete(memory);
}

namespace lamina {
namespace {

// See kImageDocumentBytesMax.
constexpr size_t kBytesPerByte = 64;

std::string filled(std::string begin, std::string_view piece, std::string_view end) {
    while (begin.size() + piece.size() + end.size() <= kImageDocumentBytesMax) {
        begin += piece;
    }
    return begin += end;
}

// What parsing takes at most, of the largest document that consists of these pieces.
size_t bytes_for(const std::string& begin, std::string_view piece, std::string_view end) {
    const std::string text = filled(begin, piece, end);
    const size_t before = peak = now;
    (void)parse_image_manifest(text);
    (void)parse_diff_ids(text);
    return peak - before;
}

TEST(DocumentMemory, IsBoundedWhateverTheDocumentIsMadeOf) {
    const std::string digest = "\"sha256:" + std::string(64, '0') + "\"";
    const std::string descriptor = R"({"mediaType":"","size":1,"digest":)" + digest + "},";
    const std::vector<std::array<std::string, 3>> documents{
        {"", "[", ""},
        {"", R"({"":)", ""},
        {"[", "{},", "0]"},
        {"[", "[],", "0]"},
        {"[", "0,", "0]"},
        {"[", R"("",)", "0]"},
        {"[", "[0],", "0]"},
        {"[", R"({"":0},)", "0]"},
        {R"({"rootfs":{"diff_ids":[)", digest + ",", digest + "]}}"},
        {R"({"config":)" + descriptor + R"("layers":[)", descriptor, "0]}"}};
    for (const auto& [begin, piece, end] : documents) {
        const size_t bytes = bytes_for(begin, piece, end);
        EXPECT_LT(bytes, kBytesPerByte * kImageDocumentBytesMax) << begin << piece << "...";
        fmt::print("{:10} bytes for {}{}...\n", bytes, begin, piece);
    }
}

} // namespace
} // namespace lamina
