// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/blob_store.h"
#include "snapshotter/service/content_client.h"
#include "tests/service/fake_content.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kBytes = [] {
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) {
        bytes += static_cast<char>(i * 31 % 251);
    }
    return bytes;
}();

Result<std::string> read_all(BlobSource& blob, size_t buffer_size) {
    std::vector<std::byte> buffer(buffer_size);
    std::string bytes;
    for (;;) {
        TRY_ASSIGN(size_t count, blob.read(buffer));
        if (count == 0) {
            return bytes;
        }
        bytes.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
}

class BlobStoreTest : public ::testing::Test {
  protected:
    Result<std::string> read(uint64_t size, const std::stop_token& stop = {}) {
        TRY_ASSIGN(auto blob, store_.open("k8s.io", digest_, size, stop));
        return read_all(*blob, 1000);
    }

    void write_blob_file(const std::string& bytes) {
        std::filesystem::create_directories(content_root_ / "blobs/sha256");
        std::ofstream(content_root_ / ("blobs/sha256/" + kHex)) << bytes;
    }

    const Digest digest_ = *Digest::parse("sha256:" + kHex);
    test::TempDir content_root_;
    test::FakeContent content_;
    ContentClient client_{content_.address()};
    BlobStore store_{content_root_.path(), client_};
};

TEST_F(BlobStoreTest, BlobFileOfTheRightSizeIsReadWithoutAskingContainerd) {
    write_blob_file(kBytes);
    content_.stop();
    EXPECT_EQ(*read(kBytes.size()), kBytes);
}

TEST_F(BlobStoreTest, BlobFileOfAnotherSizeIsNotUsed) {
    write_blob_file("short");
    content_.send_in_chunks(kBytes, 4096);
    EXPECT_EQ(*read(kBytes.size()), kBytes);
}

TEST_F(BlobStoreTest, DirectoryWithTheNameOfABlobIsNotUsed) {
    std::filesystem::create_directories(content_root_ / ("blobs/sha256/" + kHex));
    content_.send_in_chunks(kBytes, 4096);
    EXPECT_EQ(*read(kBytes.size()), kBytes);
}

TEST_F(BlobStoreTest, WithoutContentRootContainerdIsAsked) {
    content_.send_in_chunks(kBytes, 4096);
    BlobStore store("", client_);
    auto blob = store.open("k8s.io", digest_, kBytes.size(), {});
    EXPECT_EQ(*read_all(**blob, 1000), kBytes);
    EXPECT_EQ(content_.seen_namespace, "k8s.io");
    EXPECT_EQ(content_.seen_digest, digest_.text());
}

TEST_F(BlobStoreTest, MessagesOfAnySizeMakeTheSameBlob) {
    for (size_t chunk : {1, 7, 999, 1000, 1001, 65537, 100'000}) {
        content_.send_in_chunks(kBytes.substr(0, chunk == 1 ? 300 : kBytes.size()), chunk);
        const uint64_t size = chunk == 1 ? 300 : kBytes.size();
        EXPECT_EQ(*read(size), kBytes.substr(0, size)) << "messages of " << chunk;
    }
}

TEST_F(BlobStoreTest, EmptyMessagesAreSkipped) {
    content_.chunks = {{0, ""}, {0, "ab"}, {2, ""}, {2, "c"}, {3, ""}};
    EXPECT_EQ(*read(3), "abc");
}

TEST_F(BlobStoreTest, EmptyBlobIsEmpty) {
    EXPECT_EQ(*read(0), "");
    write_blob_file("");
    EXPECT_EQ(*read(0), "");
}

TEST_F(BlobStoreTest, ShortBlobIsDataLoss) {
    content_.send_in_chunks(kBytes, 4096);
    auto bytes = read(kBytes.size() + 1);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::data_loss);
    EXPECT_THAT(bytes.error().message, HasSubstr("has 100000 bytes, its descriptor says 100001"));
}

TEST_F(BlobStoreTest, LongBlobIsDataLoss) {
    content_.send_in_chunks(kBytes, 4096);
    auto bytes = read(kBytes.size() - 1);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::data_loss);
}

TEST_F(BlobStoreTest, MessageOutOfOrderIsDataLoss) {
    content_.chunks = {{0, "ab"}, {3, "d"}};
    auto bytes = read(3);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::data_loss);
    EXPECT_THAT(bytes.error().message, HasSubstr("bytes from 3 came instead of 2"));
}

TEST_F(BlobStoreTest, ErrorOfContainerdKeepsItsCodeAndNamesTheBlob) {
    content_.status = {grpc::NOT_FOUND, "content digest: not found"};
    auto bytes = read(1);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::not_found);
    EXPECT_THAT(bytes.error().message, HasSubstr(digest_.text()));
    EXPECT_THAT(bytes.error().message, HasSubstr("namespace k8s.io"));
}

TEST_F(BlobStoreTest, ErrorInTheMiddleIsAnErrorEvenWhenAllBytesCame) {
    content_.send_in_chunks("abc", 1);
    content_.status = {grpc::UNAVAILABLE, "disk is gone"};
    auto bytes = read(3);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::unavailable);
}

TEST_F(BlobStoreTest, ReadAfterTheEndStaysAtTheEnd) {
    content_.send_in_chunks("abc", 2);
    auto blob = store_.open("k8s.io", digest_, 3, {});
    ASSERT_EQ(*read_all(**blob, 10), "abc");
    EXPECT_EQ(*read_all(**blob, 10), "");
}

TEST_F(BlobStoreTest, BlobMayBeDroppedBeforeItsEnd) {
    content_.send_in_chunks(kBytes, 10);
    auto blob = store_.open("k8s.io", digest_, kBytes.size(), {});
    std::vector<std::byte> buffer(3);
    ASSERT_EQ(*(*blob)->read(buffer), 3u);
}

TEST_F(BlobStoreTest, StopEndsAReadThatWaitsForContainerd) {
    content_.chunks = {{0, "a"}};
    content_.wait_for_cancel = true;
    std::stop_source stop;
    auto blob = store_.open("k8s.io", digest_, 2, stop.get_token());
    std::vector<std::byte> buffer(1);
    ASSERT_EQ(*(*blob)->read(buffer), 1u);
    std::jthread stopper([&] { stop.request_stop(); });
    auto more = (*blob)->read(buffer);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::canceled);
}

TEST_F(BlobStoreTest, SmallBlobIsReadInOnePiece) {
    content_.send_in_chunks(kBytes, 4096);
    EXPECT_EQ(store_.read("k8s.io", digest_, kBytes.size(), {}), kBytes);
    write_blob_file("file");
    EXPECT_EQ(store_.read("k8s.io", digest_, 4, {}), "file");
}

TEST_F(BlobStoreTest, SmallBlobOfAContainerdThatHangsIsGivenUp) {
    content_.chunks = {{0, "a"}};
    content_.wait_for_cancel = true;
    ContentClient client(content_.address(), std::chrono::milliseconds(100));
    const auto bytes = BlobStore("", client).read("k8s.io", digest_, 2, {});
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(BlobStoreTest, AbsentContainerdIsUnavailableAndFoundAgainLater) {
    content_.stop();
    auto bytes = read(3);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::unavailable);

    content_.start();
    content_.send_in_chunks("abc", 3);
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    do {
        bytes = read(3);
    } while (!bytes && std::chrono::steady_clock::now() < deadline);
    EXPECT_EQ(bytes.value_or("nothing"), "abc");
}

} // namespace
} // namespace lamina
