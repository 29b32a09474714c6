// SPDX-License-Identifier: Apache-2.0
// containerd's suite upon snapshots that have flat trees from the second layer on: nobody may see a
// difference. Not OverlayTest, which demands the mounts of plain layers.
#include <shared_mutex>

#include "snapshotter/metadata/sqlite_store.h"
#include "tests/conformance/suite.h"

namespace lamina::test {
namespace {

SquashOptions squash_over(unsigned keep_base) {
    return {.mode = SquashMode::always,
            .min_layers = 2,
            .keep_base = keep_base,
            .backend = LeafSource::hard_link,
            .wait = true};
}

Result<std::unique_ptr<Snapshotter>> open_squashing(OverlayOptions options, unsigned keep_base) {
    options.squash = squash_over(keep_base);
    TRY_ASSIGN(auto store, SqliteStore::open(options.root));
    return OverlaySnapshotter::open(std::move(options), std::move(store));
}

// Opens the state anew after each commit, each time with another base or without squashing.
class Restarting final : public Snapshotter {
  public:
    static Result<std::unique_ptr<Snapshotter>> open(const OverlayOptions& options) {
        auto restarting = std::make_unique<Restarting>(options);
        TRY(restarting->reopen());
        return restarting;
    }
    explicit Restarting(const OverlayOptions& options) : options_(options) {}

    Result<Mounts> prepare(const std::string& key, const std::string& parent,
                           const Labels& labels) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->prepare(key, parent, labels);
    }
    Result<Mounts> view(const std::string& key, const std::string& parent,
                        const Labels& labels) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->view(key, parent, labels);
    }
    Result<Mounts> mounts(const std::string& key) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->mounts(key);
    }
    Status commit(const std::string& name, const std::string& key, const Labels& labels,
                  const std::string& parent) override {
        const std::unique_lock lock(mutex_);
        TRY(snapshotter_->commit(name, key, labels, parent));
        return reopen();
    }
    Status remove(const std::string& key) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->remove(key);
    }
    Result<Info> stat(const std::string& key) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->stat(key);
    }
    Result<Info> update(const Info& info, const std::vector<std::string>& field_paths) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->update(info, field_paths);
    }
    Status walk(const std::vector<std::string>& filters,
                const std::function<Status(const Info&)>& visit) override {
        return snapshotter_->walk(filters, visit); // `visit` may call this object
    }
    Result<Usage> usage(const std::string& key) override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->usage(key);
    }
    Status cleanup() override {
        const std::shared_lock lock(mutex_);
        return snapshotter_->cleanup();
    }

  private:
    // Under the lock. What is wanted when it closes is made after it opened, or forgotten.
    Status reopen() {
        constexpr unsigned kConfigurations = 4;
        snapshotter_.reset();
        const unsigned turn = turn_++ % kConfigurations;
        options_.squash = turn == kConfigurations - 1 ? SquashOptions{} : squash_over(turn);
        TRY_ASSIGN(auto store, SqliteStore::open(options_.root));
        TRY_ASSIGN(snapshotter_, OverlaySnapshotter::open(options_, std::move(store)));
        return {};
    }

    std::shared_mutex mutex_;
    OverlayOptions options_;
    std::unique_ptr<OverlaySnapshotter> snapshotter_;
    unsigned turn_ = 0;
};

Subject over_base(unsigned keep_base) {
    return {"base" + std::to_string(keep_base),
            [=](const OverlayOptions& options) { return open_squashing(options, keep_base); }, ""};
}

const Subject kRestarting = {"restarting", Restarting::open, ""};

INSTANTIATE_TEST_SUITE_P(Squash, SnapshotterSuite,
                         testing::Values(over_base(0), over_base(1), over_base(2), over_base(5),
                                         kRestarting),
                         subject_name);

} // namespace
} // namespace lamina::test
