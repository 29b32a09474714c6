// SPDX-License-Identifier: Apache-2.0
// Members of gzip on several threads: always the bytes and the errors that one thread gives.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/gzip_streams.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "unpacker/codec/parallel_decoder.h"

namespace lamina {
namespace {

using namespace test;

// Small ones, so that a stream of some KiB has many pieces, and members too large for one.
constexpr PieceBounds kSmallBounds{2'000, 20'000, 60'000};

struct Outcome {
    std::string bytes;
    Error error; // of code ok where the stream was read to its end
    bool failed = false;
};

Outcome read_all(ByteSource& source, size_t buffer_bytes) {
    Outcome out;
    std::string buffer(buffer_bytes, '\0');
    while (true) {
        const auto got = source.read(std::as_writable_bytes(std::span(buffer)));
        if (!got) {
            out.error = got.error();
            out.failed = true;
            return out;
        }
        if (*got == 0) {
            return out;
        }
        out.bytes.append(buffer, 0, *got);
    }
}

// One thread decodes from front to end.
Outcome decode(BlobSource&& blob, unsigned threads, const PieceBounds& bounds,
               size_t buffer_bytes) {
    ParallelDecoder decoder(InputWindow(blob), gzip_pieces(), threads, bounds);
    return read_all(decoder, buffer_bytes);
}

// A read that fails keeps what it has decoded to itself, and how much that is depends on where the
// reads before it ended; so before an error one may have given out more than the other.
void expect_same(const Outcome& actual, const Outcome& expected) {
    ASSERT_EQ(actual.failed, expected.failed) << actual.error.message << expected.error.message;
    EXPECT_EQ(actual.error.code, expected.error.code);
    EXPECT_EQ(actual.error.message, expected.error.message);
    const size_t common = std::min(actual.bytes.size(), expected.bytes.size());
    EXPECT_TRUE(actual.bytes.compare(0, common, expected.bytes, 0, common) == 0);
    if (!expected.failed) {
        EXPECT_EQ(actual.bytes.size(), expected.bytes.size());
    }
}

Outcome expect_same_on_all_threads(const std::string& blob, const PieceBounds& bounds) {
    Outcome expected = decode(MemoryBlob(blob), 1, bounds, 10'000);
    for (unsigned threads = 2; threads <= 4; ++threads) {
        SCOPED_TRACE(threads);
        expect_same(decode(MemoryBlob(blob), threads, bounds, 10'000), expected);
    }
    return expected;
}

TEST(GzipMembers, RandomMembersAreTheWhole) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        const GzipStream stream = random_members(random, 1 + random() % 80, 40'000);
        const Outcome decoded = expect_same_on_all_threads(stream.blob, kSmallBounds);
        EXPECT_FALSE(decoded.failed) << decoded.error.message;
        EXPECT_TRUE(decoded.bytes == stream.bytes);
    }
}

TEST(GzipMembers, MembersOfSeveralMebibytesAreTheWhole) {
    for (unsigned seed = 0; seed < 2; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        const GzipStream stream = random_members(random, 25, 6 << 20);
        const Outcome decoded = expect_same_on_all_threads(stream.blob, {});
        EXPECT_FALSE(decoded.failed) << decoded.error.message;
        EXPECT_TRUE(decoded.bytes == stream.bytes);
    }
}

TEST(GzipMembers, ReadsOfAnySizeGiveTheSame) {
    std::mt19937 random(7);
    const GzipStream stream = random_members(random, 60, 40'000);
    for (const auto& [blob_piece, buffer] :
         {std::pair<size_t, size_t>{1, 1 << 20}, {1 << 20, 1}, {1000, 511}}) {
        const Outcome decoded =
            decode(MemoryBlob(stream.blob, blob_piece), 3, kSmallBounds, buffer);
        EXPECT_FALSE(decoded.failed) << decoded.error.message;
        EXPECT_TRUE(decoded.bytes == stream.bytes);
    }
}

TEST(GzipMembers, TruncationIsTheSameError) {
    std::mt19937 random(2);
    const GzipStream stream = random_members(random, 30, 20'000);
    for (const size_t border : stream.borders) {
        for (const int distance : {-30, -9, -8, -4, -1, 0, 1, 3, 9, 10, 11, 19, 20, 40}) {
            const auto size = static_cast<long>(border) + distance;
            if (size >= 0 && size <= static_cast<long>(stream.blob.size())) {
                SCOPED_TRACE(size);
                expect_same_on_all_threads(stream.blob.substr(0, static_cast<size_t>(size)),
                                           kSmallBounds);
            }
        }
    }
}

TEST(GzipMembers, CorruptionIsTheSameError) {
    size_t failures = 0;
    for (unsigned seed = 0; seed < 150; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        const GzipStream stream = random_members(random, 1 + random() % 40, 20'000);
        const std::string blob =
            flipped(stream.blob, static_cast<long>(random() % stream.blob.size()));
        failures += expect_same_on_all_threads(blob, kSmallBounds).failed ? 1 : 0;
    }
    EXPECT_GT(failures, 100U);
}

TEST(GzipMembers, WrongChecksumOrLengthOfAnyMemberIsTheSameError) {
    const GzipStream stream = member_per_file(200'000, 5'000);
    for (size_t i = 1; i < stream.borders.size(); i += 3) {
        SCOPED_TRACE(i);
        for (const long back : {8, 4, 1}) {
            const long at = static_cast<long>(stream.borders[i]) - back;
            const Outcome decoded =
                expect_same_on_all_threads(flipped(stream.blob, at), kSmallBounds);
            EXPECT_EQ(decoded.error.code, ErrorCode::data_loss);
        }
    }
}

TEST(GzipMembers, BytesThatAreNoMemberAreTheSameError) {
    const std::string members = member_per_file(200'000, 5'000).blob;
    const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    for (const std::string& garbage :
         {std::string(1, '\0'), std::string(512, '\0'), std::string("garbage"), header,
          std::string(50'000, 'x'), header + std::string(50'000, 'x')}) {
        EXPECT_TRUE(expect_same_on_all_threads(members + garbage, kSmallBounds).failed);
        EXPECT_TRUE(expect_same_on_all_threads(members + garbage + members, kSmallBounds).failed);
    }
}

// Every byte before the failure can still be had, as from one thread.
TEST(GzipMembers, ErrorOfTheBlobComesAfterItsBytes) {
    const GzipStream stream = member_per_file(400'000, 5'000);
    const size_t good_members = stream.borders.size() / 2;
    const auto blob_that_fails = [&](size_t after) {
        return GeneratedBlob([&, after, at = size_t{0}]() mutable -> Result<std::string> {
            const std::string piece = stream.blob.substr(at, std::min<size_t>(1000, after - at));
            at += piece.size();
            if (piece.empty()) {
                return fail(ErrorCode::unavailable, "content store went away");
            }
            return piece;
        });
    };
    for (const size_t more : {0U, 5U, 50U}) {
        const size_t after = stream.borders[good_members] + more;
        const Outcome expected = decode(blob_that_fails(after), 1, kSmallBounds, 1);
        EXPECT_EQ(expected.error.code, ErrorCode::unavailable);
        const Outcome decoded = decode(blob_that_fails(after), 4, kSmallBounds, 1);
        expect_same(decoded, expected);
        EXPECT_EQ(decoded.bytes.size(), expected.bytes.size());
    }
}

TEST(GzipMembers, DecoderThatIsDroppedHalfwayEndsItsThreads) {
    const size_t before = count_threads();
    const GzipStream stream = member_per_file(400'000, 5'000);
    for (const size_t bytes : {1U, 5'000U, 100'000U}) {
        MemoryBlob blob(stream.blob);
        ParallelDecoder decoder(InputWindow(blob), gzip_pieces(), 4, kSmallBounds);
        std::vector<std::byte> buffer(bytes);
        ASSERT_TRUE(read_fully(decoder, buffer));
        EXPECT_EQ(count_threads(), before + 4);
    }
    EXPECT_TRUE(threads_become(before));
}

} // namespace
} // namespace lamina
