// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/service/layer_applier.h"
#include "tests/support/entry.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

// A real snapshotter, real unpacks and clones, and a blob in memory that every namespace has. Hooks
// run before the real thing, so that tests decide what happens when.
class SharingTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    // The blob from now on.
    void set_layer(const Tree& entries);
    // A committed snapshot of such a layer.
    void commit_base(const std::string& name, const Tree& entries);

    // An Apply of the blob into a new snapshot, not yet begun.
    LayerToApply layer_for(const std::string& key, const std::string& parent = {},
                           const Labels& labels = {});
    // In a thread of its own; the future's destructor waits for it.
    std::future<Result<AppliedLayer>> start(LayerToApply layer, std::stop_token stop = {});
    // One Apply for each key, of which exactly the first one leads: it is at its unpack before
    // the others come, and goes on when all of them wait for it.
    void apply_together(const std::vector<LayerToApply>& layers);

    [[nodiscard]] SharedUnpacks::Key key_of(const LayerToApply& layer) const;
    // Waits until so many wait for the lead of another one.
    [[nodiscard]] bool await_waiting(const LayerToApply& layer, size_t count);

    [[nodiscard]] static std::string upper_of(const LayerToApply& layer);
    // Its tree, without the times that are the moment's.
    [[nodiscard]] static std::string tree_of(const LayerToApply& layer);
    // What the blob gives there without any sharing.
    [[nodiscard]] std::string tree_alone(const std::string& key, const std::string& parent = {},
                                         const Labels& labels = {});

    TempDir directory_;
    std::unique_ptr<OverlaySnapshotter> snapshotter_;
    UnpackSlots slots_{8};
    SharedUnpacks shared_;
    std::unique_ptr<LayerApplier> applier_;
    std::unique_ptr<LayerApplier> unshared_applier_;

    std::string blob_;
    std::set<std::string> without_blob_; // namespaces
    // With the number of the unpack, 1 for the first.
    std::function<Status(int number)> before_unpack_;
    std::function<void()> before_clone_, after_clone_;
    std::atomic<int> unpacks_ = 0;
    std::atomic<int> clones_ = 0;

  private:
    LayerApplier::Parts parts();
};

} // namespace lamina::test
