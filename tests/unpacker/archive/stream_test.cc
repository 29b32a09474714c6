// SPDX-License-Identifier: Apache-2.0
// What the report says of the stream, and how an unpack ends before its blob does.
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

std::string diff_id_of(const std::string& bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    return hash.finish().text();
}

class Stream : public ArchiveTest {
  protected:
    void expect_report(const std::string& blob, const std::string& uncompressed) {
        const auto result = unpack(blob);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(result->diff_id.text(), diff_id_of(uncompressed));
        EXPECT_EQ(result->uncompressed_bytes, uncompressed.size());
        EXPECT_EQ(result->blob_bytes, blob.size());
    }
};
LAMINA_EVERY_WAY(Stream);

const Tree kLayer = {dir("d"), file("d/f", std::string(200'000, 'x')), file("g", "y")};

// Gathered entries hold the buffers that their bytes came in: here one tiny file per buffer would
// soon hold them all, were they not handed over before the parser waits.
TEST_P(Stream, TinyFilesBetweenLargeOnesOfAnotherDirectoryDoNotUseUpTheBuffers) {
    std::string layer;
    const std::string large(400'000, 'x');
    for (int i = 0; i < 100; ++i) {
        layer +=
            tar_body({file("a/" + std::to_string(i), "y"), file("b/" + std::to_string(i), large)});
    }
    expect_report(layer, layer);
    EXPECT_EQ(read_file(at("b/99")), large);
}

TEST_P(Stream, DurableUnpackMakesTheSameTreeAndSyncsItOnce) {
    MemoryBlob blob(tar(kLayer));
    const UnpackTarget target{root(), WhiteoutMode::delete_in_place, {}};
    UnpackOptions options = GetParam();
    options.durability = Durability::layer;
    options.nice = 19;
    int syncs = 0;
    options.sync = [&](int) {
        ++syncs;
        expect_root_holds(kLayer);
        return Status();
    };
    const auto result = unpack_layer(blob, Encoding::sniff, target, options, {});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(syncs, 1);
}

TEST_P(Stream, DurableUnpackFailsWhenTheDiskDoes) {
    MemoryBlob blob(tar(kLayer));
    const UnpackTarget target{root(), WhiteoutMode::delete_in_place, {}};
    UnpackOptions options = GetParam();
    options.durability = Durability::layer;
    options.sync = [](int) { return Status(fail(ErrorCode::internal, "the disk is gone")); };
    const auto result = unpack_layer(blob, Encoding::sniff, target, options, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "the disk is gone");
}

TEST_P(Stream, EveryCompressionHasTheSameDiffId) {
    const std::string layer = tar(kLayer);
    for (const std::string& blob :
         {layer, gzip(layer), zstd(layer), gzip(layer.substr(0, 700)) + gzip(layer.substr(700)),
          zstd(layer.substr(0, 700)) + zstd_skippable("x") + zstd(layer.substr(700))}) {
        expect_report(blob, layer);
        expect_root_holds(kLayer);
    }
}

TEST_P(Stream, BytesAfterTheEndBelongToDigestAndSize) {
    for (const std::string& tail :
         {std::string("x"), zero_blocks(18), std::string(3'000'000, 't')}) {
        const std::string stream = tar(kLayer) + tail;
        expect_report(stream, stream);
        expect_report(gzip(stream), stream);
        expect_report(gzip(tar(kLayer)) + gzip(tail), stream);
        expect_report(zstd(stream), stream);
    }
    expect_root_holds(kLayer);
}

TEST_P(Stream, BrokenTailOfTheBlobIsAnError) {
    const std::string stream = tar(kLayer) + std::string(3'000'000, 't');
    must_fail(truncated(gzip(stream), 4), ErrorCode::data_loss, "");
    must_fail(flipped(gzip(stream), -6), ErrorCode::data_loss, "");
    must_fail(truncated(zstd(stream), 4), ErrorCode::data_loss, "");
}

TEST_P(Stream, EmptyBlobIsAnEmptyLayer) {
    expect_report("", "");
    expect_root_holds({});
}

TEST_P(Stream, CompressedNothingIsAnEmptyLayer) {
    expect_report(gzip(""), "");
    expect_report(zstd(""), "");
    expect_root_holds({});
}

TEST_P(Stream, PlainEncodingIsNotSniffed) {
    MemoryBlob blob(gzip(tar(kLayer)));
    UnpackTarget target;
    target.root = root();
    EXPECT_FALSE(unpack_layer(blob, Encoding::plain, target, GetParam(), {}));
}

TEST_P(Stream, TinyReadsGiveTheSameTree) {
    for (const std::string& bytes : {tar(kLayer), gzip(tar(kLayer)), zstd(tar(kLayer))}) {
        MemoryBlob blob(bytes, 13);
        UnpackTarget target;
        target.root = root();
        const auto result = unpack_layer(blob, Encoding::sniff, target, GetParam(), {});
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(result->diff_id.text(), diff_id_of(tar(kLayer)));
        expect_root_holds(kLayer);
    }
}

TEST_P(Stream, ReportCountsEntriesAndUsage) {
    const auto result = unpack(tar({dir("d"), file("d/f", std::string(5000, 'x')),
                                    hard_link("d/f", "d/g"), symlink("f", "d/l")}));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->entries, 4U);
    EXPECT_EQ(result->whiteouts, 0U);
    EXPECT_EQ(result->usage.inodes, 4U); // the root, d, f and the link
    EXPECT_GE(result->usage.size_bytes, 5000U);
}

TEST_P(Stream, UsageIsWhatAWalkOfTheRootFinds) {
    must_unpack(kLayer);
    const auto result =
        unpack(tar({file("d/f", "shorter"), file("d/f", "again"), whiteout("g"), fifo("p"),
                    hard_link("d/f", "h"), dir("gone"), file("gone/x"), whiteout("gone")}));
    ASSERT_TRUE(result) << result.error().message;
    const auto opened = open_directory(root());
    ASSERT_TRUE(opened);
    EXPECT_EQ(result->usage, *measure_usage(opened->get()));
}

TEST_P(Stream, ErrorOfTheBlobEndsTheUnpack) {
    const std::string layer = tar(kLayer);
    GeneratedBlob blob([&, n = 0]() mutable -> Result<std::string> {
        if (n++ == 0) {
            return layer.substr(0, 5000);
        }
        return fail(ErrorCode::unavailable, "content store went away");
    });
    UnpackTarget target;
    target.root = root();
    const auto result = unpack_layer(blob, Encoding::sniff, target, GetParam(), {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::unavailable) << result.error().message;
}

// Entries of 10 KiB without end.
class Endless : public ArchiveTest {
  protected:
    Result<std::string> next() {
        ++count_;
        return tar_entry(file("d" + std::to_string(count_ % 5) + "/f" + std::to_string(count_),
                              std::string(10'000, 'x')));
    }

    Result<UnpackReport> unpack_endless(GeneratedBlob& blob, const std::stop_token& stop) {
        UnpackTarget target;
        target.root = root();
        return unpack_layer(blob, Encoding::plain, target, GetParam(), stop);
    }

    static constexpr int kMany = 100'000;
    int count_ = 0;
};
LAMINA_EVERY_WAY(Endless);

TEST_P(Endless, BadEntryEndsTheUnpackWithoutReadingTheRest) {
    GeneratedBlob blob([&]() -> Result<std::string> {
        if (count_ > kMany) {
            return std::string();
        }
        return count_ == 50 ? (++count_, tar_entry(file("bad").flag('S'))) : *next();
    });
    const auto result = unpack_endless(blob, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_LT(count_, kMany / 2);
}

TEST_P(Endless, StopInTheMiddleCancelsAndLeavesNoWriter) {
    const size_t threads = count_threads();
    std::stop_source stop;
    GeneratedBlob blob([&]() -> Result<std::string> {
        if (count_ == 700) {
            stop.request_stop();
        }
        return count_ > kMany ? std::string() : *next();
    });
    const auto result = unpack_endless(blob, stop.get_token());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::canceled) << result.error().message;
    EXPECT_LT(count_, kMany / 2);
    // With no thread left, nobody can write any more.
    EXPECT_TRUE(threads_become(threads));
    EXPECT_FALSE(exists(at("d0/f" + std::to_string(count_))));
}

TEST_P(Endless, StopBeforeTheStartWritesNothing) {
    std::stop_source stop;
    stop.request_stop();
    GeneratedBlob blob(
        [&]() -> Result<std::string> { return count_ > kMany ? std::string() : *next(); });
    const auto result = unpack_endless(blob, stop.get_token());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::canceled) << result.error().message;
    EXPECT_LT(count_, kMany / 2);
}

TEST_P(Endless, StopFromAnotherThreadInsideOneLargeFile) {
    std::stop_source stop;
    std::jthread stopper;
    GeneratedBlob blob([&]() -> Result<std::string> {
        if (count_++ == 0) {
            return tar_entry(file("large").gnu().claimed_size(int64_t{1} << 50));
        }
        if (count_ == 20) {
            stopper = std::jthread([&] { stop.request_stop(); });
        }
        return count_ > kMany ? std::string() : std::string(100'000, 'x');
    });
    const auto result = unpack_endless(blob, stop.get_token());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::canceled) << result.error().message;
    EXPECT_LT(count_, kMany / 2);
}

TEST_P(Endless, SeveralUnpacksAtOnceDoNotMix) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        make_tree(root(), {dir(std::to_string(i))});
        threads.emplace_back([this, i] {
            const std::string name = std::to_string(i);
            UnpackTarget target;
            target.root = at(name);
            Tree tree;
            for (int j = 0; j < 200; ++j) {
                tree.push_back(file("f" + std::to_string(j), name));
            }
            EXPECT_TRUE(unpack_to(target, tar(tree)));
        });
    }
    threads.clear();
    for (const Entry& entry : read_tree(root())) {
        if (entry.type == '0') {
            EXPECT_EQ(entry.content, entry.name.substr(0, 1));
        }
    }
}

} // namespace
} // namespace lamina::test
