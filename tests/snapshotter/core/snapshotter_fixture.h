// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/metadata/sqlite_store.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"

namespace lamina::test {

template <class T>
[[nodiscard]] ErrorCode code_of(const Result<T>& result) {
    EXPECT_FALSE(result) << "succeeded, but must fail";
    return result ? ErrorCode{} : result.error().code;
}

inline Result<std::unique_ptr<OverlaySnapshotter>> open_snapshotter(const OverlayOptions& options) {
    TRY_ASSIGN(auto store, SqliteStore::open(options.root));
    return OverlaySnapshotter::open(options, std::move(store));
}

class SnapshotterTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: overlay mounts, whiteouts, owners";
        }
        options_.root = work_ / "root";
        reopen();
    }

    void reopen() {
        snapshotter_.reset();
        auto opened = open_snapshotter(options_);
        ASSERT_TRUE(opened) << opened.error().message;
        snapshotter_ = *std::move(opened);
    }

    Mounts prepare(const std::string& key, const std::string& parent = {},
                   const Labels& labels = {}) {
        const auto mounts = snapshotter_->prepare(key, parent, labels);
        EXPECT_TRUE(mounts) << mounts.error().message;
        return mounts.value_or(Mounts{});
    }
    void commit(const std::string& name, const std::string& key, const std::string& parent = {}) {
        const auto committed = snapshotter_->commit(name, key, {}, parent);
        EXPECT_TRUE(committed) << committed.error().message;
    }
    std::string fs(int id) const {
        return options_.root + "/snapshots/" + std::to_string(id) + "/fs";
    }

    TempDir work_;
    OverlayOptions options_;
    std::unique_ptr<OverlaySnapshotter> snapshotter_;
};

// How many entries a directory has.
inline long count_entries(const std::string& path) {
    return std::distance(std::filesystem::directory_iterator(path), {});
}

// Names of a layer that containerd unpacks apart from its parents, and of a first layer.
inline const std::string kExtractKey = "default/1/extract-1-abcd sha256:1";
inline const Labels kUpperLayer = {{"containerd.io/snapshot.ref", "sha256:1"},
                                   {"containerd.io/snapshot/diff-id", "sha256:2"},
                                   {"containerd.io/snapshot/parent-chain-id", "sha256:3"}};

} // namespace lamina::test
