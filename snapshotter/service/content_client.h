// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "snapshotter/service/limits.h"
#include "unpacker/base/digest.h"
#include "unpacker/pipeline/blob_source.h"

namespace lamina {

// A blob that containerd's store holds completely.
struct StoredBlob {
    Digest digest;
    uint64_t size = 0; // bytes
};

// containerd's Content service. Thread-safe.
class ContentClient {
  public:
    // `address` is containerd's socket. Nothing is connected before the first call, and again
    // after a restart of containerd: it starts after us. A call that is not read() may take
    // `call_time`.
    explicit ContentClient(const std::string& address,
                           std::chrono::milliseconds call_time = kContentCallTime);
    ~ContentClient();

    // A blob that comes through one Read call, in order. Errors come from its read(): containerd's
    // own; data_loss when it sent other than `size` bytes; canceled after `stop`;
    // deadline_exceeded when all of it takes longer than `time`, if that is given. The blob must
    // not outlive the client.
    [[nodiscard]] std::unique_ptr<BlobSource>
    read(const std::string& containerd_namespace, const Digest& digest, uint64_t size,
         const std::stop_token& stop, std::optional<std::chrono::milliseconds> time = {});

    // The blobs of a namespace that `filter` (containerd's filter language) matches;
    // resource_exhausted when they are more than `max`. canceled after `stop`, deadline_exceeded
    // after call_time(), else containerd's own error; so is it for the next two.
    [[nodiscard]] Result<std::vector<StoredBlob>> list(const std::string& containerd_namespace,
                                                       const std::string& filter, size_t max,
                                                       const std::stop_token& stop);

    // The blobs of a namespace of at most `size` bytes that were pulled from a registry, of which
    // containerd writes a label, and of these the `max` that came or changed last.
    // resource_exhausted in a namespace of more than kBlobsLookedThroughMax blobs.
    [[nodiscard]] Result<std::vector<StoredBlob>>
    pulled_last(const std::string& containerd_namespace, uint64_t size, size_t max,
                const std::stop_token& stop);

    // Bytes of a blob that is there completely; not_found for others.
    [[nodiscard]] Result<uint64_t> size_of(const std::string& containerd_namespace,
                                           const Digest& digest, const std::stop_token& stop);

    [[nodiscard]] std::chrono::milliseconds call_time() const { return call_time_; }

  private:
    struct Connection;
    std::unique_ptr<Connection> connection_;
    const std::chrono::milliseconds call_time_;
};

} // namespace lamina
