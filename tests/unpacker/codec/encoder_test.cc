// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/support/memory_blob.h"
#include "tests/support/memory_sink.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/file_sink.h"
#include "unpacker/base/hashing_sink.h"
#include "unpacker/base/limits.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/codec/encoder.h"

namespace lamina {
namespace {

using namespace test;

constexpr size_t kPiece = limits::kEncodedPieceBytes;

// Parts that compress well, badly and not at all.
std::string sample(size_t bytes) {
    std::mt19937 random(1);
    std::string out;
    while (out.size() < bytes) {
        const auto kind = random() % 3;
        for (int i = 0; i < 1000; ++i) {
            out += kind == 0 ? 'x' : static_cast<char>(kind == 1 ? random() % 16 : random());
        }
    }
    out.resize(bytes);
    return out;
}

std::string encode(const std::string& plain, Compression compression, unsigned threads = 2,
                   size_t write_bytes = 100'000) {
    MemorySink sink;
    auto encoder = make_encoder(sink, compression, threads);
    for (size_t at = 0; at < plain.size(); at += write_bytes) {
        const auto part = std::span(plain).subspan(at, std::min(write_bytes, plain.size() - at));
        EXPECT_TRUE(encoder->write(std::as_bytes(part)));
    }
    EXPECT_TRUE(encoder->finish());
    return sink.bytes();
}

std::string decode(const std::string& blob, size_t plain_bytes) {
    MemoryBlob source(blob);
    auto decoder = open_decoder(source, Encoding::sniff);
    EXPECT_TRUE(decoder);
    std::string out(plain_bytes + 1, '\0');
    const auto got = read_fully(**decoder, std::as_writable_bytes(std::span(out)));
    EXPECT_TRUE(got) << got.error().message;
    out.resize(got ? *got : 0);
    return out;
}

class Encoder : public testing::TestWithParam<Compression> {};
INSTANTIATE_TEST_SUITE_P(Every, Encoder, testing::Values(Compression::gzip, Compression::zstd),
                         [](const auto& each) { return std::string(name_of(each.param)); });

TEST_P(Encoder, IsUndoneByTheDecoder) {
    for (const size_t bytes :
         {size_t{0}, size_t{1}, kPiece - 1, kPiece, kPiece + 1, 5 * kPiece + 17}) {
        SCOPED_TRACE(bytes);
        const std::string plain = sample(bytes);
        const std::string encoded = encode(plain, GetParam());
        EXPECT_FALSE(encoded.empty());
        EXPECT_TRUE(decode(encoded, bytes) == plain);
    }
}

TEST_P(Encoder, BytesDependOnNeitherThreadsNorWrites) {
    const std::string plain = sample(3 * kPiece + 5);
    const std::string one = encode(plain, GetParam(), 1);
    EXPECT_TRUE(encode(plain, GetParam(), 4) == one);
    EXPECT_TRUE(encode(plain, GetParam(), 3, 511) == one);
    EXPECT_TRUE(encode(plain, GetParam(), 2, plain.size()) == one);
}

TEST_P(Encoder, ProgramsOfOthersReadIt) {
    const TempDir temp;
    const std::string plain = sample(2 * kPiece + 5);
    const bool is_gzip = GetParam() == Compression::gzip;
    const std::string name = temp / (is_gzip ? "blob.gz" : "blob.zst");
    write_file(name, encode(plain, GetParam()));
    const std::string program = is_gzip ? "gzip" : "zstd";
    ASSERT_TRUE(has_program(program));
    ASSERT_EQ(run({program, "-q", "-d", "-k", name}), 0);
    EXPECT_TRUE(read_file(temp / "blob") == plain);
}

TEST_P(Encoder, ErrorOfTheSinkIsPassedOn) {
    FullSink sink(1000);
    auto encoder = make_encoder(sink, GetParam(), 2);
    const std::string plain = sample(20 * kPiece);
    const auto written = encoder->write(std::as_bytes(std::span(plain)));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::resource_exhausted);
}

TEST_P(Encoder, CanBeAbandoned) {
    MemorySink sink;
    auto encoder = make_encoder(sink, GetParam(), 2);
    const std::string plain = sample(3 * kPiece);
    EXPECT_TRUE(encoder->write(std::as_bytes(std::span(plain))));
}

TEST(EncoderChoice, NoneIsPlain) {
    EXPECT_EQ(encode("plain", Compression::none), "plain");
    EXPECT_EQ(encode("", Compression::none), "");
}

TEST(EncoderChoice, NamesAreParsed) {
    for (const auto each : {Compression::none, Compression::gzip, Compression::zstd}) {
        EXPECT_EQ(parse_compression(name_of(each)), each);
    }
    EXPECT_FALSE(parse_compression("xz"));
}

TEST(HashingSink, CountsAndHashesWhatItHandsOn) {
    MemorySink sink;
    HashingSink hashing(sink);
    EXPECT_TRUE(hashing.write(std::as_bytes(std::span("abc", 2))));
    EXPECT_TRUE(hashing.write(std::as_bytes(std::span("c", 1))));
    EXPECT_EQ(sink.bytes(), "abc");
    EXPECT_EQ(hashing.bytes(), 3U);
    EXPECT_EQ(hashing.digest().hex(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180
}

TEST(FileSink, WritesSmallAndLargePartsInOrder) {
    const TempDir temp;
    const std::string plain = sample(2'000'000);
    auto file = open_file(temp / "file", O_WRONLY | O_CREAT, 0600);
    ASSERT_TRUE(file);
    FileSink sink(file->get(), "file");
    for (size_t at = 0, n = 1; at < plain.size(); at += n, n *= 3) {
        const auto part = std::span(plain).subspan(at, std::min(n, plain.size() - at));
        ASSERT_TRUE(sink.write(std::as_bytes(part)));
    }
    ASSERT_TRUE(sink.finish());
    EXPECT_TRUE(read_file(temp / "file") == plain);
}

TEST(FileSink, FullDiskIsAnError) {
    auto full = open_file("/dev/full", O_WRONLY);
    ASSERT_TRUE(full);
    FileSink sink(full->get(), "layer");
    ASSERT_TRUE(sink.write(std::as_bytes(std::span("abc", 3))));
    const auto finished = sink.finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().sys_errno, ENOSPC);
}

} // namespace
} // namespace lamina
