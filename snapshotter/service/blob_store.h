// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"
#include "unpacker/pipeline/blob_source.h"

namespace lamina {

class ContentClient;

// Reads containerd's blobs: as files where its local content store is in sight, which is cheapest,
// else through its content RPC (another root, or a content proxy). Thread-safe.
class BlobStore {
  public:
    // `content_root` is the directory that holds blobs/; empty: never read files. `client`
    // outlives the store and its blobs.
    BlobStore(std::string content_root, ContentClient& client)
        : content_root_(std::move(content_root)), client_(client) {}

    // The blob, which is `size` bytes long; data_loss from its read() when it is not. `stop` ends
    // a read that waits for containerd.
    [[nodiscard]] Result<std::unique_ptr<BlobSource>> open(const std::string& containerd_namespace,
                                                           const Digest& digest, uint64_t size,
                                                           const std::stop_token& stop);

    // All of a small blob. deadline_exceeded when containerd takes longer than the
    // client's call_time().
    [[nodiscard]] Result<std::string> read(const std::string& containerd_namespace,
                                           const Digest& digest, uint64_t size,
                                           const std::stop_token& stop);

    // Whether it is there completely, in the directory or as containerd says.
    [[nodiscard]] bool has(const std::string& containerd_namespace, const Digest& digest,
                           uint64_t size, const std::stop_token& stop);

  private:
    Result<std::unique_ptr<BlobSource>> open_within(std::optional<std::chrono::milliseconds> time,
                                                    const std::string& containerd_namespace,
                                                    const Digest& digest, uint64_t size,
                                                    const std::stop_token& stop);

    std::string content_root_;
    ContentClient& client_;
};

} // namespace lamina
