// SPDX-License-Identifier: Apache-2.0
#include "tests/service/applier_fixture.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>
#include <unistd.h>

#include "snapshotter/metadata/sqlite_store.h"
#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

class EmptyBlob final : public BlobSource {
  public:
    Result<size_t> read(std::span<std::byte>) override { return size_t{0}; }
};

} // namespace

ApplierFixture::ApplierFixture(unsigned max_concurrent) : slots_(max_concurrent) {
    auto store = SqliteStore::open(directory_ / "root");
    CHECK(store.has_value());
    OverlayOptions options;
    options.root = directory_ / "root";
    options.sync = [this](int root) { return sync(root); };
    auto snapshotter = OverlaySnapshotter::open(std::move(options), std::move(*store));
    CHECK(snapshotter.has_value());
    snapshotter_ = std::move(*snapshotter);
    applier_ = std::make_unique<LayerApplier>(parts(), slots_);
}

LayerApplier::Parts ApplierFixture::parts() {
    return {
        .hold =
            [this](const Mounts& mounts) {
                ++holds;
                return snapshotter_->hold_for_apply(mounts);
            },
        .open_blob = [this](const std::string& containerd_namespace, const Digest&, uint64_t,
                            const std::stop_token&) -> Result<std::unique_ptr<BlobSource>> {
            opened_namespace = containerd_namespace;
            TRY(blob_error);
            return std::make_unique<EmptyBlob>();
        },
        .unpack =
            [this](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                   const std::stop_token& stop) { return unpack(blob, encoding, target, stop); },
        .sync = [this](int root) { return sync(root); }};
}

Status ApplierFixture::sync(int root) {
    EXPECT_EQ(::faccessat(root, "layer-file", F_OK, 0), 0) << "before its layer";
    ++syncs;
    return synced;
}

LayerToApply ApplierFixture::layer_for(const std::string& key, const std::string& parent) {
    return layer_of(key, parent, {});
}

LayerToApply ApplierFixture::rebased_layer_for(const std::string& key) {
    return layer_of(key, "", {{"containerd.io/snapshot.ref", "sha256:x"}});
}

LayerToApply ApplierFixture::layer_of(const std::string& key, const std::string& parent,
                                      const Labels& labels) {
    auto mounts = snapshotter_->prepare(key, parent, labels);
    CHECK(mounts.has_value());
    LayerToApply layer;
    layer.media_type = kGzipLayer;
    layer.digest = kSomeDigest;
    layer.mounts = *mounts;
    return layer;
}

std::vector<std::string> ApplierFixture::upper_entries(const std::string& key) {
    const Mount mount = snapshotter_->mounts(key)->front();
    std::string upper = mount.source;
    for (const std::string& option : mount.options) {
        if (option.starts_with("upperdir=")) {
            upper = option.substr(9);
        }
    }
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(upper)) {
        names.push_back(entry.path().filename());
    }
    return names;
}

Result<UnpackReport> ApplierFixture::write_a_file(BlobSource&, Encoding, const UnpackTarget& target,
                                                  const std::stop_token&) {
    std::ofstream(target.root + "/layer-file") << "content";
    UnpackReport report{*Digest::parse(kSomeDigest), {}, {}, {}, {}, {}, {}, {}, {}};
    report.uncompressed_bytes = 4096;
    report.blob_bytes = 100;
    report.entries = 1;
    report.usage = {.inodes = 7777, .size_bytes = 8888};
    return report;
}

Result<UnpackReport> ApplierFixture::wait_for_stop(BlobSource& blob, Encoding encoding,
                                                   const UnpackTarget& target,
                                                   const std::stop_token& stop) {
    TRY(write_a_file(blob, encoding, target, stop));
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
    return fail(ErrorCode::canceled, "unpack was stopped");
}

} // namespace lamina::test
