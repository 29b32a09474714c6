// SPDX-License-Identifier: Apache-2.0
// A stop does not wait for the end of a large file.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/memory_blob.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/squash/layer_sketch.h"
#include "unpacker/squash/layer_stream.h"
#include "unpacker/squash/tree_contents.h"

namespace lamina::test {
namespace {

constexpr int64_t kFileBytes = int64_t{7} << 30;
constexpr uint64_t kSoonBytes = 16 << 20; // what buffers may still hold

// Asks for a stop when it gets something.
class Stopper final : public ByteSink, public FileVisitor {
  public:
    Status write(std::span<const std::byte> bytes) override {
        stop_.request_stop();
        bytes_ += bytes.size();
        return bytes_ < kSoonBytes ? Status() : fail(ErrorCode::internal, "goes on");
    }
    Status finish() override { return {}; }

    Status begin(const IndexEntry& /*file*/) override { return {}; }
    Status content(std::span<const std::byte> bytes) override { return write(bytes); }
    Status end() override { return {}; }

    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

  private:
    std::stop_source stop_;
    uint64_t bytes_ = 0;
};

// The header of a large file and as many zeros as are read.
class EndlessLayer final : public ByteSource {
  public:
    Result<size_t> read(std::span<std::byte> buffer) override {
        const size_t count = std::min(buffer.size(), header_.size());
        std::ranges::copy(std::as_bytes(std::span(header_)).first(count), buffer.begin());
        header_.erase(0, count);
        std::ranges::fill(buffer.subspan(count), std::byte{0});
        bytes_ += buffer.size();
        if (bytes_ >= kSoonBytes) {
            stop.request_stop();
        }
        return bytes_ < 4 * kSoonBytes ? Result<size_t>(buffer.size())
                                       : fail(ErrorCode::internal, "goes on");
    }

    std::stop_source stop;

  private:
    std::string header_ = tar_entry(file("large").claimed_size(kFileBytes));
    uint64_t bytes_ = 0;
};

void expect_canceled(const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::canceled) << error.message;
}

TEST(SquashStop, WritingALargeFileIsStopped) {
    const TempDir temp;
    const Fd file = *open_file(temp / "large", O_WRONLY | O_CREAT, 0600);
    if (::ftruncate(file.get(), kFileBytes) != 0) {
        GTEST_SKIP() << "no sparse files of 7 GiB here";
    }
    const Fd root = *open_directory(temp.path());
    const LayerIndex index = *index_tree(root.get(), OverlayXattrs::trusted);
    TreeContents contents(*LayerTrees::open({root.get()}));
    Stopper stopper;
    const auto report = write_layer_tar({{&index}, {}}, contents, {}, stopper, stopper.token());
    ASSERT_FALSE(report);
    expect_canceled(report.error());
}

TEST(SquashStop, ReadingALargeFileBackIsStopped) {
    Stopper stopper;
    std::string front = tar_entry(file("large").claimed_size(kFileBytes));
    const auto next = [&]() -> std::optional<Slice> {
        const std::string bytes = front.empty() ? std::string(64 * 1024, '\0') : front;
        front.clear();
        return copy_to_slice(std::as_bytes(std::span(bytes)));
    };
    const auto index = read_layer_stream(next, stopper, stopper.token());
    ASSERT_FALSE(index);
    expect_canceled(index.error());
}

TEST(SquashStop, PredictingALargeFileIsStopped) {
    EndlessLayer layer;
    const auto sketch =
        sketch_layer(layer, Encoding::plain, Sha256().finish(), {}, layer.stop.get_token());
    ASSERT_FALSE(sketch);
    expect_canceled(sketch.error());
}

} // namespace
} // namespace lamina::test
