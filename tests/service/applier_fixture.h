// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/service/layer_applier.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

constexpr const char* kGzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kSomeDigest =
    "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

// A real snapshotter in a directory of its own, and an applier whose blobs and unpacks are the
// test's. By default an unpack writes the file "layer-file" and succeeds.
class ApplierFixture {
  public:
    using Unpack = std::function<Result<UnpackReport>(BlobSource&, Encoding, const UnpackTarget&,
                                                      const std::stop_token&)>;

    explicit ApplierFixture(unsigned max_concurrent = 8);

    // A layer for a fresh snapshot with the backend key `key`.
    LayerToApply layer_for(const std::string& key, const std::string& parent = "");
    // The same, for one that gets its parent at commit.
    LayerToApply rebased_layer_for(const std::string& key);
    // The names in the directory that the layer is unpacked into.
    [[nodiscard]] std::vector<std::string> upper_entries(const std::string& key);

    OverlaySnapshotter& snapshotter() { return *snapshotter_; }
    LayerApplier& applier() { return *applier_; }
    LayerApplier::Parts parts();

    Unpack unpack = write_a_file;
    std::atomic<int> holds = 0;   // calls
    std::string opened_namespace; // of the last blob
    Result<void> blob_error;      // what opening a blob answers
    std::atomic<int> syncs = 0;   // calls
    Status synced;                // what they answer

    // Unpacks that tests choose from.
    static Result<UnpackReport> write_a_file(BlobSource&, Encoding, const UnpackTarget& target,
                                             const std::stop_token&);
    // Writes, then waits for `stop`.
    static Result<UnpackReport> wait_for_stop(BlobSource&, Encoding, const UnpackTarget& target,
                                              const std::stop_token& stop);

  private:
    LayerToApply layer_of(const std::string& key, const std::string& parent, const Labels& labels);
    Status sync(int root);

    TempDir directory_;
    UnpackSlots slots_;
    std::unique_ptr<OverlaySnapshotter> snapshotter_;
    std::unique_ptr<LayerApplier> applier_;
};

} // namespace lamina::test
