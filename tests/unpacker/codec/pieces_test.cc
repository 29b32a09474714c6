// SPDX-License-Identifier: Apache-2.0
// Streams of many frames or members, which several threads decode. Each has to give the bytes that
// one thread would, and the same errors.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/codec/pieces.h"

namespace lamina {
namespace {

using namespace test;

// Text that compresses to about a half.
std::string sample(size_t bytes, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::string out;
    while (out.size() < bytes) {
        out += random() % 2 == 0 ? "layer of an image " : std::to_string(random());
    }
    out.resize(bytes);
    return out;
}

Result<std::string> decode(const std::string& blob) {
    MemoryBlob source(blob, 100'000);
    TRY_ASSIGN(auto decoder, open_decoder(source, Encoding::sniff));
    std::string out;
    std::string buffer(70'000, '\0');
    while (true) {
        TRY_ASSIGN(const size_t got, decoder->read(std::as_writable_bytes(std::span(buffer))));
        if (got == 0) {
            return out;
        }
        out.append(buffer, 0, got);
    }
}

void expect_data_loss(const std::string& blob) {
    const auto decoded = decode(blob);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::data_loss) << decoded.error().message;
}

// Frames of many sizes: empty, tiny, about one piece, over the largest piece, and skippable ones.
std::string frames(const std::string& whole, const std::vector<size_t>& sizes) {
    std::string blob;
    size_t at = 0;
    for (size_t i = 0; at < whole.size(); ++i) {
        const size_t size = std::min(sizes[i % sizes.size()], whole.size() - at);
        blob += zstd(whole.substr(at, size)) + (i % 3 == 0 ? zstd_skippable("note") : "");
        at += size;
    }
    return blob;
}

TEST(Pieces, ZstdFramesOfEverySizeAreTheWhole) {
    const std::string whole = sample(9'000'000);
    for (const std::vector<size_t>& sizes :
         {std::vector<size_t>{1 << 20}, {1, 3'000, 200'000}, {400'000, 5'000'000, 10}, {70'000}}) {
        const auto decoded = decode(frames(whole, sizes));
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_TRUE(*decoded == whole);
    }
}

TEST(Pieces, BgzfMembersAreTheWhole) {
    const std::string whole = sample(9'000'000);
    for (const size_t member_bytes : {60'000U, 1'000U, 65'280U}) {
        const auto decoded = decode(bgzf(whole, member_bytes));
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_TRUE(*decoded == whole);
    }
}

TEST(Pieces, OrdinaryMembersMayFollowBgzf) {
    const std::string whole = sample(3'000'000);
    const std::string tail = sample(2'000'000, 2);
    const auto decoded = decode(bgzf(whole) + gzip(tail));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(*decoded == whole + tail);
}

TEST(Pieces, CorruptFrameInTheMiddleIsDataLoss) {
    const std::string blob = frames(sample(4'000'000), {100'000});
    expect_data_loss(flipped(blob, static_cast<long>(blob.size() / 2)));
}

TEST(Pieces, CorruptMemberInTheMiddleIsDataLoss) {
    const std::string blob = bgzf(sample(4'000'000));
    expect_data_loss(flipped(blob, static_cast<long>(blob.size() / 2)));
}

TEST(Pieces, TruncationIsDataLoss) {
    const std::string zstd_blob = frames(sample(4'000'000), {100'000});
    const std::string bgzf_blob = bgzf(sample(4'000'000));
    for (const size_t missing : {1U, 9U, 1'000U, 300'001U}) {
        expect_data_loss(truncated(zstd_blob, missing));
        expect_data_loss(truncated(bgzf_blob, missing));
    }
}

TEST(Pieces, GarbageAfterTheLastFrameIsDataLoss) {
    expect_data_loss(frames(sample(4'000'000), {100'000}) + "garbage, not a frame");
    expect_data_loss(bgzf(sample(4'000'000)) + "garbage, not a member");
}

TEST(Pieces, ExtraFieldOfBgzfIsNotBelieved) {
    const std::string whole = sample(4'000'000);
    std::string blob = bgzf(whole);
    blob[16] = static_cast<char>(blob[16] ^ 1); // the size of the first member
    const auto decoded = decode(blob);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(*decoded == whole);
}

TEST(Pieces, DecoderThatIsDroppedHalfwayEndsItsThreads) {
    const size_t before = count_threads();
    {
        const std::string blob = frames(sample(9'000'000), {100'000});
        MemoryBlob source(blob, 100'000);
        const auto decoder = open_decoder(source, Encoding::sniff);
        ASSERT_TRUE(decoder);
        std::string buffer(10, '\0');
        ASSERT_TRUE((*decoder)->read(std::as_writable_bytes(std::span(buffer))));
    }
    EXPECT_TRUE(threads_become(before));
}

TEST(PieceReader, FrameTooLargeForAPieceIsLeft) {
    const std::string blob = zstd(sample(20'000'000));
    MemoryBlob source(blob, 1 << 20);
    InputWindow input(source);
    const auto format = zstd_pieces();
    PieceReader reader(*format, {});
    EXPECT_FALSE(reader.next(input));
    EXPECT_EQ(input.taken(), 0);
    EXPECT_FALSE(input.bytes().empty());
}

} // namespace
} // namespace lamina
