// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "proto/content.grpc.pb.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

// The Read call of containerd's content store, on a socket, with a script instead of blobs.
class FakeContent final : public containerd::services::content::v1::Content::Service {
  public:
    FakeContent() : address_(directory_ / "containerd.sock") { start(); }
    ~FakeContent() override { stop(); }

    void start();
    void stop();
    [[nodiscard]] const std::string& address() const { return address_; }

    struct Chunk {
        int64_t offset = 0;
        std::string data;
    };
    // `bytes` in messages of `size` bytes.
    void send_in_chunks(const std::string& bytes, size_t size);

    std::vector<Chunk> chunks;                 // what a Read sends
    grpc::Status status;                       // how it ends
    std::atomic<bool> wait_for_cancel = false; // before it ends
    std::string seen_namespace;                // of the last Read
    std::string seen_digest;
    std::latch reading{1}; // done when the first Read has sent its chunks

    grpc::Status Read(grpc::ServerContext* context,
                      const containerd::services::content::v1::ReadContentRequest* request,
                      grpc::ServerWriter<containerd::services::content::v1::ReadContentResponse>*
                          stream) override;

  private:
    TempDir directory_;
    std::string address_;
    std::unique_ptr<grpc::Server> server_;
};

} // namespace lamina::test
