// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "proto/content.grpc.pb.h"
#include "snapshotter/core/types.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/synchronized.h"

namespace lamina::test {

// A content store with blobs, labels and namespaces behind containerd's API, on a socket. Blobs
// may come and go while it serves.
class ContentServer final : public containerd::services::content::v1::Content::Service {
  public:
    ContentServer();
    ~ContentServer() override;

    [[nodiscard]] const std::string& address() const { return address_; }

    Digest add(const std::string& containerd_namespace, const std::string& bytes,
               const Labels& labels = {});
    void remove(const std::string& containerd_namespace, const Digest& digest);

    std::atomic<int> lists = 0; // calls

    grpc::Status List(grpc::ServerContext* context,
                      const containerd::services::content::v1::ListContentRequest* request,
                      grpc::ServerWriter<containerd::services::content::v1::ListContentResponse>*
                          stream) override;
    grpc::Status Info(grpc::ServerContext* context,
                      const containerd::services::content::v1::InfoRequest* request,
                      containerd::services::content::v1::InfoResponse* reply) override;
    grpc::Status Read(grpc::ServerContext* context,
                      const containerd::services::content::v1::ReadContentRequest* request,
                      grpc::ServerWriter<containerd::services::content::v1::ReadContentResponse>*
                          stream) override;

  private:
    struct Blob {
        std::string bytes;
        Labels labels;
        int64_t added = 0; // its number, in order
    };
    using Blobs = std::map<std::string, Blob>; // by digest

    TempDir directory_;
    std::string address_;
    std::atomic<int64_t> added_ = 0; // blobs
    Synchronized<std::map<std::string, Blobs>> namespaces_;
    std::unique_ptr<grpc::Server> server_;
};

// An image as a pull leaves it in a content store: manifest, configuration and layers.
struct StoredImage {
    struct Layer {
        std::string bytes; // of the blob
        Digest blob;
        Digest diff_id;
        Digest chain_id;
    };
    std::vector<Layer> layers; // base first
    std::string manifest;      // JSON
    std::string config;        // JSON
};

// An image of these uncompressed tars, base first, each gzipped.
[[nodiscard]] StoredImage make_image(const std::vector<std::string>& tars);

enum class LayerBlobs { all, none };

// Puts its manifest and configuration there as BuildKit does: with no label but where from.
void store_as_pulled_only(ContentServer& server, const std::string& containerd_namespace,
                          const StoredImage& image);

// Puts it into the store, with the labels that containerd gives a manifest.
void store_image(ContentServer& server, const std::string& containerd_namespace,
                 const StoredImage& image, LayerBlobs layers = LayerBlobs::all);

[[nodiscard]] Digest digest_of(std::string_view bytes);

} // namespace lamina::test
