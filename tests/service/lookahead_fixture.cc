// SPDX-License-Identifier: Apache-2.0
#include "tests/service/lookahead_fixture.h"

#include <filesystem>

#include <fmt/format.h>

#include "snapshotter/metadata/sqlite_store.h"
#include "tests/service/applier_fixture.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/support/manifest.h"
#include "tests/support/process.h"
#include "tests/support/tar_builder.h"

namespace lamina::test {

namespace {

// A whiteout has the time at which it was made, which differs between two unpacks.
std::string without_whiteout_times(std::string manifest) {
    constexpr std::string_view kWhiteout = "device=0:0";
    for (size_t at = 0; (at = manifest.find(kWhiteout, at)) != std::string::npos;) {
        at += kWhiteout.size();
        manifest.erase(at, manifest.find_first_of(" \n", at + 1) - at);
    }
    return manifest;
}

} // namespace

StoredImage image_of(const std::vector<std::string>& names) {
    std::vector<std::string> tars;
    for (const std::string& name : names) {
        tars.push_back(tar({file(name, "content of " + name)}));
    }
    return make_image(tars);
}

void LookaheadTest::SetUp() {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: whiteouts, owners";
    }
    auto store = SqliteStore::open(root());
    ASSERT_TRUE(store) << store.error().message;
    OverlayOptions options;
    options.root = root();
    options.squash = squash_;
    auto snapshotter = OverlaySnapshotter::open(std::move(options), std::move(*store));
    ASSERT_TRUE(snapshotter) << snapshotter.error().message;
    snapshotter_ = std::move(*snapshotter);
    look_ahead_with(kBusy);
}

void LookaheadTest::TearDown() {
    applier_.reset();
    lookahead_.reset();
}

void LookaheadTest::look_ahead_with(unsigned busy, AheadBook::Clock::duration age) {
    const auto unpack = [this](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                               const std::stop_token& stop) {
        if (before_unpack_) {
            before_unpack_(target, stop);
        }
        auto report = unpack_layer(blob, encoding, target, {}, stop);
        if (report) {
            const std::lock_guard lock(mutex_);
            ++unpacks_[report->diff_id.text()];
        }
        return report;
    };
    const auto open = [this](const std::string& name, const Digest& digest, uint64_t size,
                             const std::stop_token& stop) {
        return blobs_.open(name, digest, size, stop);
    };
    lookahead_ = std::make_unique<Lookahead>(
        Lookahead::Parts{
            .layers_above =
                [this](const LayerPlace& place, size_t depth, const std::stop_token& stop) {
                    if (before_question_) {
                        before_question_(place.blob, stop);
                    }
                    return images_.above(place, depth, stop);
                },
            .has_blob =
                [this](const LayerAhead& layer, const std::stop_token& stop) {
                    if (before_question_) {
                        before_question_(layer.place.blob, stop);
                    }
                    return blobs_.has(layer.place.containerd_namespace, layer.place.blob,
                                      layer.size, stop);
                },
            .open_blob =
                [open](const LayerAhead& layer, const std::stop_token& stop) {
                    return open(layer.place.containerd_namespace, layer.place.blob, layer.size,
                                stop);
                },
            .make_tree = [this] { return snapshotter_->stage_tree(); },
            .unpack = unpack,
            .free_space = [this] { return Result<FreeSpace>(FreeSpace{free_bytes_, 1U << 30}); },
            .is_active =
                [this](const std::string& key) {
                    const auto info = snapshotter_->stat(key);
                    return info && info->kind == Kind::active;
                },
            .is_removed =
                [this](SnapshotId id) {
                    ++snapshot_questions_;
                    return !snapshotter_->has_snapshot(id).value();
                }},
        slots_, busy, age);
    applier_ = std::make_unique<LayerApplier>(
        LayerApplier::Parts{
            .hold = [this](const Mounts& mounts) { return snapshotter_->hold_for_apply(mounts); },
            .open_blob = open,
            .unpack = unpack,
            .sync =
                [this](int) {
                    ++syncs_;
                    return Status();
                }},
        slots_, lookahead_.get());
}

std::string LookaheadTest::fresh_name(const std::string& containerd_namespace,
                                      const std::string& client_name) {
    return fmt::format("{}/{}/{}", containerd_namespace, ++names_, client_name);
}

std::string LookaheadTest::committed_name(const std::string& containerd_namespace,
                                          const Digest& chain_id) {
    const std::lock_guard lock(mutex_);
    return committed_[containerd_namespace + chain_id.text()];
}

Mounts LookaheadTest::prepare(const std::string& key, const std::string& parent,
                              const Labels& labels) {
    const auto mounts = snapshotter_->prepare(key, parent, labels);
    EXPECT_TRUE(mounts) << mounts.error().message;
    return mounts.value_or(Mounts());
}

Result<AppliedLayer> LookaheadTest::apply_to(const Mounts& mounts, const StoredImage::Layer& layer,
                                             const std::stop_token& stop) {
    LayerToApply request;
    request.media_type = kGzipLayer;
    request.digest = layer.blob.text();
    request.size = static_cast<int64_t>(layer.bytes.size());
    request.mounts = mounts;
    request.sync_filesystem = sync_filesystem_;
    return applier_->apply(request, stop);
}

Result<AppliedLayer> LookaheadTest::apply(const StoredImage& image, size_t layer,
                                          const std::string& containerd_namespace,
                                          const std::stop_token& stop) {
    const std::string key = fresh_name(containerd_namespace, "extract-1 x");
    const std::string parent =
        layer == 0 ? "" : committed_name(containerd_namespace, image.layers[layer - 1].chain_id);
    auto applied = apply_to(prepare(key, parent), image.layers[layer], stop);
    if (!applied) {
        EXPECT_TRUE(snapshotter_->remove(key));
        return applied;
    }
    EXPECT_EQ(applied->diff_id, image.layers[layer].diff_id);
    const Digest& chain_id = image.layers[layer].chain_id;
    const std::string name = fresh_name(containerd_namespace, chain_id.text());
    TRY(snapshotter_->commit(name, key, {}, ""));
    const std::lock_guard lock(mutex_);
    committed_[containerd_namespace + chain_id.text()] = name;
    return applied;
}

void LookaheadTest::apply_all(const StoredImage& image, size_t from,
                              const std::string& containerd_namespace) {
    for (size_t layer = from; layer < image.layers.size(); ++layer) {
        const auto applied = apply(image, layer, containerd_namespace);
        ASSERT_TRUE(applied) << applied.error().message;
    }
}

std::vector<std::string> LookaheadTest::trees(const StoredImage& image,
                                              const std::string& containerd_namespace) {
    const std::string top = committed_name(containerd_namespace, image.layers.back().chain_id);
    const Mounts mounts = prepare(fresh_name(containerd_namespace, "look"), top);
    auto held = snapshotter_->hold_for_apply(mounts);
    EXPECT_TRUE(held) << held.error().message;
    std::vector<std::string> found;
    for (const std::string& lowerdir : held->target().lowerdirs) {
        found.insert(found.begin(), without_whiteout_times(
                                        manifest(lowerdir, ManifestTimes::without_directories)));
    }
    return found;
}

int LookaheadTest::unpacks_of(const StoredImage::Layer& layer) {
    const std::lock_guard lock(mutex_);
    return unpacks_[layer.diff_id.text()];
}

long LookaheadTest::staged_trees() const {
    return std::distance(std::filesystem::directory_iterator(root() + "/staging"), {});
}

bool LookaheadTest::eventually_staged(uint64_t layers) {
    return eventually([&] { return lookahead_->counts().staged == layers; });
}

bool LookaheadTest::eventually_empty() {
    return eventually([&] { return staged_trees() == 0; });
}

} // namespace lamina::test
