// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/service/blob_store.h"
#include "snapshotter/service/content_client.h"
#include "snapshotter/service/layer_applier.h"
#include "tests/service/content_server.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

// Each layer has one file, of this name.
[[nodiscard]] StoredImage image_of(const std::vector<std::string>& names);

// A content store, a snapshotter and an applier that looks ahead, all real, and a client that
// applies one layer after the other, as containerd does it.
class LookaheadTest : public ::testing::Test {
  protected:
    static constexpr unsigned kBusy = 2;

    void SetUp() override;
    void TearDown() override;

    // Begins anew with this. Before the first Apply.
    void look_ahead_with(unsigned busy, AheadBook::Clock::duration age = kStagedAge);

    // Prepare, Apply and Commit of one layer.
    Result<AppliedLayer> apply(const StoredImage& image, size_t layer,
                               const std::string& containerd_namespace = "default",
                               const std::stop_token& stop = {});
    Result<AppliedLayer> apply_to(const Mounts& mounts, const StoredImage::Layer& layer,
                                  const std::stop_token& stop = {});
    SquashOptions squash_;         // of the snapshotter; before SetUp()
    bool sync_filesystem_ = false; // what Applies ask for
    std::atomic<int> syncs_ = 0;
    void apply_all(const StoredImage& image, size_t from = 0,
                   const std::string& containerd_namespace = "default");
    Mounts prepare(const std::string& key, const std::string& parent, const Labels& labels = {});
    // A name that the metadata layer of containerd has not given before.
    std::string fresh_name(const std::string& containerd_namespace, const std::string& client_name);

    // The snapshot that a layer was committed as last.
    std::string committed_name(const std::string& containerd_namespace, const Digest& chain_id);
    // The trees of an image that was applied last, base first.
    std::vector<std::string> trees(const StoredImage& image,
                                   const std::string& containerd_namespace = "default");
    // How often a layer was unpacked, by anybody.
    int unpacks_of(const StoredImage::Layer& layer);
    // What lies in staging/.
    [[nodiscard]] long staged_trees() const;
    [[nodiscard]] bool eventually_staged(uint64_t layers);
    [[nodiscard]] bool eventually_empty();

    TempDir work_;
    ContentServer content_;
    // Called before each unpack with where it goes.
    std::function<void(const UnpackTarget&, const std::stop_token&)> before_unpack_;
    // Called before each question to containerd: for the layers above one, for a blob.
    std::function<void(const Digest&, const std::stop_token&)> before_question_;
    std::atomic<uint64_t> free_bytes_ = 1ULL << 50;
    std::atomic<int> snapshot_questions_ = 0; // whether one is gone

    std::unique_ptr<OverlaySnapshotter> snapshotter_;
    std::unique_ptr<Lookahead> lookahead_;

  private:
    [[nodiscard]] std::string root() const { return work_ / "root"; }

    ContentClient client_{content_.address()};
    BlobStore blobs_{"", client_};
    ImageLayers images_{client_, blobs_};
    UnpackSlots slots_{4};
    std::unique_ptr<LayerApplier> applier_;
    std::atomic<int> names_ = 0;
    std::mutex mutex_;
    std::map<std::string, std::string> committed_; // namespace and chain ID -> name
    std::map<std::string, int> unpacks_;           // by diff ID
};

} // namespace lamina::test
