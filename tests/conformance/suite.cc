// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/suite.h"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/manifest.h"
#include "tests/support/process.h"

namespace lamina::test {

void SnapshotterSuite::SetUp() {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: overlay mounts, whiteouts, owners";
    }
    ::umask(0); // like containerd's suite: modes are as they are asked for
    if (const auto refused = enter_private_mounts(); !refused.empty()) {
        GTEST_SKIP() << "needs a mount namespace: " << refused;
    }
    options_.root = work_ / "root";
    if (!GetParam().filesystem.empty()) {
        filesystem_.emplace(GetParam().filesystem);
        if (!filesystem_->missing().empty()) {
            GTEST_SKIP() << "needs " << filesystem_->missing();
        }
        options_.root = filesystem_->path() + "/root";
    }
    reopen();
}

void SnapshotterSuite::TearDown() {
    snapshotter_.reset();
}

void SnapshotterSuite::reopen(const OverlayOptions& options) {
    snapshotter_.reset();
    options_ = options;
    auto opened = GetParam().open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    snapshotter_ = *std::move(opened);
}

Mounts SnapshotterSuite::prepare(const std::string& key, const std::string& parent,
                                 const Labels& labels) {
    const auto mounts = snapshotter().prepare(key, parent, labels);
    EXPECT_TRUE(mounts) << mounts.error().message;
    return mounts.value_or(Mounts{});
}

Mounts SnapshotterSuite::view(const std::string& key, const std::string& parent) {
    const auto mounts = snapshotter().view(key, parent, {});
    EXPECT_TRUE(mounts) << mounts.error().message;
    return mounts.value_or(Mounts{});
}

void SnapshotterSuite::commit(const std::string& name, const std::string& key) {
    const auto committed = snapshotter().commit(name, key, {}, "");
    EXPECT_TRUE(committed) << committed.error().message;
}

void SnapshotterSuite::remove(const std::string& key) {
    const auto removed = snapshotter().remove(key);
    EXPECT_TRUE(removed) << removed.error().message;
}

Info SnapshotterSuite::stat(const std::string& key) {
    const auto info = snapshotter().stat(key);
    EXPECT_TRUE(info) << info.error().message;
    return info.value_or(Info{});
}

std::vector<std::string> SnapshotterSuite::walk(const std::vector<std::string>& filters) {
    std::vector<std::string> names;
    const auto walked = snapshotter().walk(filters, [&](const Info& info) -> Status {
        names.push_back(info.name);
        return {};
    });
    EXPECT_TRUE(walked) << walked.error().message;
    std::sort(names.begin(), names.end());
    return names;
}

std::string SnapshotterSuite::plain_directory(const std::string& name) const {
    EXPECT_EQ(::mkdir(work(name).c_str(), 0755), 0) << name;
    return work(name);
}

void SnapshotterSuite::commit_layer(const std::string& name, const std::string& parent,
                                    const Layer& layer) {
    const std::string key = name + "-active";
    {
        const Mounted mounted(prepare(key, parent), work(key));
        ASSERT_TRUE(mounted.ok());
        layer(mounted.path());
    }
    commit(name, key);
}

void SnapshotterSuite::check_layers(const std::vector<Layer>& layers) {
    const std::string expected = plain_directory("expected");
    std::string parent;
    for (size_t i = 0; i < layers.size(); ++i) {
        const std::string name = "layer" + std::to_string(i);
        ASSERT_NO_FATAL_FAILURE(commit_layer(name, parent, layers[i]));
        layers[i](expected);
        {
            const Mounted mounted(view(name + "-view", name), work(name + "-view"));
            ASSERT_TRUE(mounted.ok());
            EXPECT_EQ(manifest(mounted.path(), ManifestTimes::none),
                      manifest(expected, ManifestTimes::none))
                << "after layer " << i;
        }
        remove(name + "-view");
        parent = name;
    }
}

std::string OverlayTest::fs(int id) const {
    return options().root + "/snapshots/" + std::to_string(id) + "/fs";
}

std::string OverlayTest::work_directory(int id) const {
    return options().root + "/snapshots/" + std::to_string(id) + "/work";
}

std::vector<std::string> OverlayTest::overlay(std::vector<std::string> directories) {
    if (::access("/sys/module/overlay/parameters/index", F_OK) == 0) {
        directories.emplace_back("index=off");
    }
    return directories;
}

} // namespace lamina::test
