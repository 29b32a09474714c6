// SPDX-License-Identifier: Apache-2.0
#include "tests/service/sharing_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "snapshotter/metadata/sqlite_store.h"
#include "tests/service/applier_fixture.h"
#include "tests/snapshotter/core/applied_layer.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/support/manifest.h"
#include "tests/support/process.h"
#include "tests/support/tree.h"
#include "unpacker/layer/clone_layer.h"

namespace lamina::test {

void SharingTest::SetUp() {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: owners, whiteouts, overlays";
    }
    OverlayOptions options;
    options.root = directory_ / "root";
    auto store = SqliteStore::open(options.root);
    ASSERT_TRUE(store);
    auto snapshotter = OverlaySnapshotter::open(options, std::move(*store));
    ASSERT_TRUE(snapshotter) << snapshotter.error().message;
    snapshotter_ = std::move(*snapshotter);
    applier_ = std::make_unique<LayerApplier>(parts(), slots_, nullptr, &shared_);
    unshared_applier_ = std::make_unique<LayerApplier>(parts(), slots_);
}

// Whatever was tried and thrown away, nothing of it is left.
void SharingTest::TearDown() {
    if (snapshotter_ != nullptr) {
        EXPECT_TRUE(eventually([&] { return read_tree(directory_ / "root/staging").empty(); }));
    }
}

LayerApplier::Parts SharingTest::parts() {
    return {.hold = [this](const Mounts& mounts) { return snapshotter_->hold_for_apply(mounts); },
            .open_blob = [this](const std::string& name, const Digest&, uint64_t,
                                const std::stop_token&) -> Result<std::unique_ptr<BlobSource>> {
                if (without_blob_.contains(name)) {
                    return fail(ErrorCode::not_found, "no such blob");
                }
                return std::make_unique<MemoryBlob>(blob_);
            },
            .unpack = [this](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                             const std::stop_token& stop) -> Result<UnpackReport> {
                const int number = ++unpacks_;
                if (before_unpack_) {
                    TRY(before_unpack_(number));
                }
                return unpack_layer(blob, encoding, target, {.writers = 1}, stop);
            },
            .has_blob = [this](const std::string& name, const Digest&, uint64_t,
                               const std::stop_token&) { return !without_blob_.contains(name); },
            .make_tree = [this] { return snapshotter_->stage_tree(); },
            .clone = [this](int from, const RebaseWork& work, int to,
                            const std::stop_token& stop) -> Result<Usage> {
                ++clones_;
                if (before_clone_) {
                    before_clone_();
                }
                auto usage = clone_layer(from, work, to, 0, stop);
                if (after_clone_) {
                    after_clone_();
                }
                return usage;
            }};
}

void SharingTest::set_layer(const Tree& entries) {
    blob_ = tar(entries);
}

void SharingTest::commit_base(const std::string& name, const Tree& entries) {
    const auto mounts = snapshotter_->prepare("base/0/k", "", {});
    ASSERT_TRUE(mounts && apply_layer(*snapshotter_, *mounts, entries));
    ASSERT_TRUE(snapshotter_->commit(name, "base/0/k", {}, ""));
}

LayerToApply SharingTest::layer_for(const std::string& key, const std::string& parent,
                                    const Labels& labels) {
    const auto mounts = snapshotter_->prepare(key, parent, labels);
    EXPECT_TRUE(mounts) << mounts.error().message;
    LayerToApply layer;
    layer.media_type = kGzipLayer;
    layer.digest = kSomeDigest;
    layer.size = 100;
    layer.mounts = *mounts;
    return layer;
}

std::future<Result<AppliedLayer>> SharingTest::start(LayerToApply layer, std::stop_token stop) {
    return std::async(std::launch::async, [this, layer = std::move(layer), stop = std::move(stop)] {
        return applier_->apply(layer, stop);
    });
}

void SharingTest::apply_together(const std::vector<LayerToApply>& layers) {
    std::promise<void> leading;
    const size_t others = layers.size() - 1;
    before_unpack_ = [&](int number) -> Status {
        if (number == 1) {
            leading.set_value();
            EXPECT_TRUE(await_waiting(layers.front(), others));
        }
        return {};
    };
    std::vector<std::future<Result<AppliedLayer>>> applied;
    for (const LayerToApply& layer : layers) {
        applied.push_back(start(layer));
        if (applied.size() == 1) {
            leading.get_future().wait();
        }
    }
    std::vector<Result<AppliedLayer>> answers;
    for (auto& one : applied) {
        answers.push_back(one.get());
        ASSERT_TRUE(answers.back()) << answers.back().error().message;
        EXPECT_EQ(answers.back()->diff_id, answers.front()->diff_id);
        EXPECT_EQ(answers.back()->size, answers.front()->size);
    }
    before_unpack_ = nullptr;
}

SharedUnpacks::Key SharingTest::key_of(const LayerToApply& layer) const {
    return {*Digest::parse(layer.digest), static_cast<uint64_t>(layer.size), Encoding::sniff,
            layer.mounts.front().type == "overlay"};
}

bool SharingTest::await_waiting(const LayerToApply& layer, size_t count) {
    return eventually([&] { return shared_.waiting(key_of(layer)) == count; });
}

std::string SharingTest::upper_of(const LayerToApply& layer) {
    for (const std::string& option : layer.mounts.front().options) {
        if (option.starts_with("upperdir=")) {
            return option.substr(9);
        }
    }
    return layer.mounts.front().source;
}

std::string SharingTest::tree_of(const LayerToApply& layer) {
    constexpr int64_t kThisYear = 1'700'000'000; // later than any time in these layers
    const std::string root = upper_of(layer);
    for (const Entry& entry : read_tree(root)) {
        const timespec times[2] = {};
        if (entry.mtime_seconds > kThisYear) {
            ::utimensat(AT_FDCWD, (root + "/" + entry.name).c_str(), times, AT_SYMLINK_NOFOLLOW);
        }
    }
    return manifest(root);
}

std::string SharingTest::tree_alone(const std::string& key, const std::string& parent,
                                    const Labels& labels) {
    const LayerToApply layer = layer_for(key, parent, labels);
    const int before = unpacks_;
    EXPECT_TRUE(unshared_applier_->apply(layer, {}));
    unpacks_ = before;
    return tree_of(layer);
}

} // namespace lamina::test
