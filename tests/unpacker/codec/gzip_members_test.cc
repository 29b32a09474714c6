// SPDX-License-Identifier: Apache-2.0
// Which parts of a gzip stream are decoded as pieces, and what it costs when they are none.
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/gzip_streams.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "unpacker/codec/parallel_decoder.h"

namespace lamina {
namespace {

using namespace test;

constexpr PieceBounds kSmallBounds{2'000, 20'000, 60'000};

struct Counts {
    std::atomic<size_t> searched_bytes = 0;
    std::atomic<size_t> pieces = 0; // that decoded
    std::atomic<size_t> piece_bytes = 0;
    std::atomic<size_t> failed_bytes = 0;
};

class CountingPieces final : public PieceFormat {
  public:
    explicit CountingPieces(Counts& counts) : counts_(counts) {}

    [[nodiscard]] std::optional<Extent> first(std::span<const std::byte> bytes) const override {
        const auto extent = gzip_->first(bytes);
        counts_.searched_bytes += extent ? extent->compressed_bytes : bytes.size();
        return extent;
    }
    [[nodiscard]] Result<Bytes> decode(Piece& piece) const override {
        auto decoded = gzip_->decode(piece);
        (decoded ? counts_.piece_bytes : counts_.failed_bytes) += piece.compressed.size();
        counts_.pieces += decoded ? 1 : 0;
        return decoded;
    }
    [[nodiscard]] std::unique_ptr<FrameDecoder> open() const override { return gzip_->open(); }

  private:
    std::unique_ptr<PieceFormat> gzip_ = gzip_pieces();
    Counts& counts_;
};

// Decodes on two threads and expects `bytes`.
void decode(const std::string& blob, const std::string& bytes, Counts& counts,
            const PieceBounds& bounds = kSmallBounds) {
    MemoryBlob source(blob);
    ParallelDecoder decoder(InputWindow(source), std::make_unique<CountingPieces>(counts), 2,
                            bounds);
    std::string decoded(bytes.size() + 1, '\0');
    const auto got = read_fully(decoder, std::as_writable_bytes(std::span(decoded)));
    ASSERT_TRUE(got) << got.error().message;
    decoded.resize(*got);
    EXPECT_TRUE(decoded == bytes);
}

std::string sample(size_t size) {
    std::mt19937 random(1);
    return half_random_bytes(random, size);
}

std::optional<PieceFormat::Extent> first(const std::string& bytes) {
    return gzip_pieces()->first(std::as_bytes(std::span(bytes)));
}

TEST(GzipPieces, MemberEndsWhereTheNextOneBegins) {
    for (const std::string& next :
         {gzip("b", 1), gzip("b", 6), gzip("b", 9), gzip_with_header_fields("b"), bgzf("b")}) {
        const std::string member = gzip("some bytes");
        const auto extent = first(member + next);
        ASSERT_TRUE(extent);
        EXPECT_EQ(extent->compressed_bytes, member.size());
        EXPECT_EQ(extent->decoded_bytes_max, 10U);
    }
}

TEST(GzipPieces, EmptyMembersHaveEnds) {
    const auto extent = first(gzip("") + gzip("b"));
    ASSERT_TRUE(extent);
    EXPECT_EQ(extent->compressed_bytes, 20U);
    EXPECT_EQ(extent->decoded_bytes_max, 0U);
}

TEST(GzipPieces, EndIsNotToldByAPartOfTheNextHeader) {
    const std::string member = gzip("a");
    for (size_t bytes = 0; bytes < 10; ++bytes) {
        EXPECT_FALSE(first(member + gzip("b").substr(0, bytes)));
    }
    EXPECT_FALSE(first(member));
    EXPECT_FALSE(first(""));
}

TEST(GzipPieces, HeaderThatNobodyWritesIsNone) {
    for (const size_t offset : {0U, 1U, 2U, 3U, 8U, 9U}) {
        std::string next = gzip("b");
        next[offset] = static_cast<char>(0x99);
        EXPECT_FALSE(first(gzip("a") + next)) << offset;
    }
}

TEST(GzipPieces, GzipFileThatIsStoredInAMemberIsNotTakenForTheNext) {
    const std::string member = gzip(gzip("some bytes"), 0);
    const auto extent = first(member + gzip("b"));
    ASSERT_TRUE(extent);
    EXPECT_EQ(extent->compressed_bytes, member.size());
}

TEST(GzipPieces, AllMembersButTheLastAreDecodedAsPieces) {
    const GzipStream stream = member_per_file(400'000, 5'000);
    Counts counts;
    decode(stream.blob, stream.bytes, counts);
    EXPECT_EQ(counts.failed_bytes, 0U);
    EXPECT_EQ(counts.piece_bytes, stream.borders.at(stream.borders.size() - 2));
    EXPECT_GT(counts.pieces, 50U);
}

TEST(GzipPieces, StreamOfOneMemberIsSearchedOnceAndStartsNoThread) {
    const size_t before = count_threads();
    const std::string bytes = sample(4 << 20);
    const std::string blob = gzip(bytes);
    Counts counts;
    MemoryBlob source(blob);
    ParallelDecoder decoder(InputWindow(source), std::make_unique<CountingPieces>(counts), 4);
    std::string decoded(bytes.size(), '\0');
    ASSERT_TRUE(read_fully(decoder, std::as_writable_bytes(std::span(decoded))));
    EXPECT_EQ(count_threads(), before);
    EXPECT_LE(counts.searched_bytes, 2 * limits::kPieceBytesMax); // it is searched as it is read
}

TEST(GzipPieces, PiecesComeBackAfterAMemberThatIsTooLarge) {
    GzipStream stream = member_per_file(100'000, 5'000);
    const std::string in_compressed_bytes = sample(60'000);
    const std::string in_decoded_bytes(100'000, '\0');
    for (const std::string& large : {in_compressed_bytes, in_decoded_bytes}) {
        stream.add(gzip(large), large);
        const GzipStream more = member_per_file(100'000, 5'000);
        stream.add(more.blob, more.bytes);
    }
    Counts counts;
    decode(stream.blob, stream.bytes, counts);
    EXPECT_EQ(counts.failed_bytes, 0U);
    EXPECT_GT(counts.piece_bytes, 3 * member_per_file(100'000, 5'000).blob.size() * 9 / 10);
}

// A stored block with what looks like the end of a member and the next one, where a piece is cut.
std::string likeness() {
    return std::string(3'000, 'x') + std::string("\xff\0\0\0", 4) + gzip(sample(3'000));
}

TEST(GzipPieces, PiecesComeBackAfterALikeness) {
    GzipStream stream = member_per_file(400'000, 5'000);
    const size_t before = stream.blob.size();
    stream.add(gzip(likeness(), 0), likeness());
    const GzipStream more = member_per_file(400'000, 5'000);
    stream.add(more.blob, more.bytes);
    Counts counts;
    decode(stream.blob, stream.bytes, counts);
    EXPECT_GT(counts.failed_bytes, 0U);
    EXPECT_GT(counts.piece_bytes, before + more.blob.size() / 2);
}

TEST(GzipPieces, StreamThatMisleadsIsNotDecodedTwice) {
    GzipStream stream;
    const std::string member = gzip(likeness(), 0);
    for (int i = 0; i < 400; ++i) {
        stream.add(member, likeness());
    }
    Counts counts;
    decode(stream.blob, stream.bytes, counts);
    EXPECT_GT(counts.failed_bytes, 0U);
    EXPECT_LT(counts.failed_bytes, stream.blob.size() / 4);
}

TEST(GzipPieces, MembersWithoutAKnownHeaderAreNotSearchedAgainAndAgain) {
    GzipStream stream;
    std::string member = gzip("a");
    member[8] = 1; // allowed by RFC 1952, and written by nobody
    for (int i = 0; i < 20'000; ++i) {
        stream.add(member, "a");
    }
    Counts counts;
    decode(stream.blob, stream.bytes, counts);
    EXPECT_EQ(counts.pieces, 0U);
    EXPECT_LE(counts.searched_bytes, 3 * stream.blob.size());
}

TEST(GzipPieces, MemberThatDecodesToMoreThanItSaysIsNoPiece) {
    std::string member = gzip(std::string(10'000, '\0'));
    member.replace(member.size() - 4, 4, std::string("\x01\0\0\0", 4));
    Piece piece;
    for (const char c : member) {
        piece.compressed.push_back(static_cast<std::byte>(c));
    }
    piece.decoded_bytes_max = 1;
    const auto decoded = gzip_pieces()->decode(piece);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::data_loss);
}

} // namespace
} // namespace lamina
