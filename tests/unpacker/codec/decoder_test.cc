// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/memory_blob.h"
#include "unpacker/codec/decoder.h"

namespace lamina {
namespace {

using namespace test;

// Decodes in one piece and byte by byte, on the blob's and on the reader's side: all four must
// agree.
Result<std::string> decode_in(const std::string& blob, Encoding encoding, size_t blob_piece,
                              size_t read_piece) {
    MemoryBlob source(blob, blob_piece);
    TRY_ASSIGN(auto decoder, open_decoder(source, encoding));
    std::string out;
    std::string buffer(read_piece, '\0');
    while (true) {
        TRY_ASSIGN(const size_t got, decoder->read(std::as_writable_bytes(std::span(buffer))));
        if (got == 0) {
            return out;
        }
        out.append(buffer, 0, got);
    }
}

Result<std::string> decode(const std::string& blob, Encoding encoding = Encoding::sniff) {
    auto whole = decode_in(blob, encoding, size_t{1} << 20, size_t{1} << 20);
    for (const auto& [blob_piece, read_piece] :
         {std::pair<size_t, size_t>{1, 100'000}, {100'000, 7}, {3, 5}}) {
        auto pieces = decode_in(blob, encoding, blob_piece, read_piece);
        EXPECT_EQ(pieces.has_value(), whole.has_value());
        if (pieces && whole) {
            EXPECT_EQ(*pieces, *whole);
        }
    }
    return whole;
}

void expect_data_loss(const std::string& blob) {
    auto decoded = decode(blob);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::data_loss);
    EXPECT_FALSE(decoded.error().message.empty());
}

// Half of it compresses, half does not; larger than deflate's window.
std::string sample() {
    std::string out;
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) {
        out += i % 2 == 0 ? std::string("layer ") : std::string(1, static_cast<char>(random()));
    }
    return out;
}

TEST(Decoder, PlainBytesPassUnchanged) {
    EXPECT_EQ(decode(sample(), Encoding::plain), sample());
    EXPECT_EQ(decode(sample(), Encoding::sniff), sample());
    EXPECT_EQ(decode("x"), "x");
}

TEST(Decoder, PlainEncodingDoesNotSniff) {
    const std::string blob = gzip("x");
    EXPECT_EQ(decode(blob, Encoding::plain), blob);
}

TEST(Decoder, EmptyBlobIsAnEmptyStream) {
    EXPECT_EQ(decode("", Encoding::sniff), "");
    EXPECT_EQ(decode("", Encoding::plain), "");
}

TEST(Decoder, ShortStartsOfMagicNumbersArePlain) {
    for (const char* bytes : {"\x1f", "\x1f\x8b", "\x28\xb5\x2f"}) {
        EXPECT_EQ(decode(bytes), bytes);
    }
    // A skippable frame's magic counts only with its length, 8 bytes in all (containerd).
    const std::string skippable = zstd_skippable("").substr(0, 7);
    EXPECT_EQ(decode(skippable), skippable);
}

TEST(GzipDecoder, OneMember) {
    EXPECT_EQ(decode(gzip(sample())), sample());
}

TEST(GzipDecoder, StoredBlocks) {
    EXPECT_EQ(decode(gzip(sample(), 0)), sample());
}

TEST(GzipDecoder, AllHeaderFields) {
    EXPECT_EQ(decode(gzip_with_header_fields("abc")), "abc");
}

TEST(GzipDecoder, MembersAreJoined) {
    EXPECT_EQ(decode(gzip("a") + gzip("") + gzip(sample()) + gzip("z")), "a" + sample() + "z");
}

TEST(GzipDecoder, BytesAfterTheLastMemberAreAnError) {
    expect_data_loss(gzip("abc") + "garbage");
    expect_data_loss(gzip("abc") + '\0');
    expect_data_loss(gzip("abc") + std::string(512, '\0'));
}

TEST(GzipDecoder, ChecksumAndLengthAreChecked) {
    expect_data_loss(flipped(gzip(sample()), -8));
    expect_data_loss(flipped(gzip(sample()), -5));
    expect_data_loss(flipped(gzip(sample()), -4));
    expect_data_loss(flipped(gzip(sample()), -1));
    expect_data_loss(flipped(gzip("a"), -8) + gzip("b"));
}

TEST(GzipDecoder, EveryTruncationIsAnError) {
    const std::string blob = gzip("a layer of few bytes");
    for (size_t missing = 1; missing + 3 <= blob.size(); ++missing) {
        SCOPED_TRACE(missing);
        expect_data_loss(truncated(blob, missing));
    }
    expect_data_loss(truncated(gzip(sample()), 5000));
    expect_data_loss(gzip("a") + truncated(gzip("b"), 9));
    expect_data_loss(gzip("a") + truncated(gzip("b"), 20)); // in the second header
}

TEST(GzipDecoder, CorruptDataIsAnError) {
    expect_data_loss(flipped(gzip(sample()), 5000));
    expect_data_loss(std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff", 14));
}

TEST(ZstdDecoder, OneFrame) {
    EXPECT_EQ(decode(zstd(sample())), sample());
}

TEST(ZstdDecoder, EmptyFrame) {
    EXPECT_EQ(decode(zstd("")), "");
}

TEST(ZstdDecoder, FramesAreJoinedAndSkippableOnesPassedOver) {
    EXPECT_EQ(decode(zstd("a") + zstd_skippable("not this") + zstd(sample()) + zstd("") +
                     zstd_skippable("")),
              "a" + sample());
    EXPECT_EQ(decode(zstd_skippable("first") + zstd("b")), "b");
    EXPECT_EQ(decode(zstd_skippable("alone")), "");
}

TEST(ZstdDecoder, EveryTruncationIsAnError) {
    const std::string blob = zstd("a layer of few bytes");
    for (size_t missing = 1; missing + 4 <= blob.size(); ++missing) {
        SCOPED_TRACE(missing);
        expect_data_loss(truncated(blob, missing));
    }
    expect_data_loss(zstd("a") + truncated(zstd(sample()), 100));
    expect_data_loss(zstd("a") + truncated(zstd_skippable("bytes"), 2));
}

TEST(ZstdDecoder, ChecksumIsCheckedAndGarbageRefused) {
    expect_data_loss(flipped(zstd(sample()), -1));
    expect_data_loss(flipped(zstd(sample()), 3000));
    expect_data_loss(zstd("a") + "garbage!");
    expect_data_loss(zstd("a") + '\0');
}

// The first bytes are read when the decoder is opened, the others later.
Error error_of_blob_that_fails_after(size_t pieces) {
    GeneratedBlob blob([pieces, n = size_t{0}]() mutable -> Result<std::string> {
        static const std::string whole = gzip(sample());
        if (n < pieces) {
            return whole.substr(1000 * n++, 1000);
        }
        return fail(ErrorCode::unavailable, "content store went away");
    });
    auto decoder = open_decoder(blob, Encoding::sniff);
    if (!decoder) {
        return decoder.error();
    }
    std::vector<std::byte> buffer(10'000'000);
    auto got = read_fully(**decoder, buffer);
    return got ? Error{} : got.error();
}

TEST(Decoder, ErrorOfTheBlobIsPassedOn) {
    EXPECT_EQ(error_of_blob_that_fails_after(0).code, ErrorCode::unavailable);
    EXPECT_EQ(error_of_blob_that_fails_after(1).code, ErrorCode::unavailable);
    EXPECT_EQ(error_of_blob_that_fails_after(10).code, ErrorCode::unavailable);
}

} // namespace
} // namespace lamina
