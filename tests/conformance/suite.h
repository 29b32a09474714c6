// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/loop_filesystem.h"
#include "tests/conformance/mounted.h"
#include "tests/conformance/subject.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

// containerd's tests of snapshotters, under its own names: core/snapshots/testsuite/testsuite.go
// as SnapshotterSuite, and plugins/snapshots/overlay/overlay_test.go as OverlayTest. The tests are
// in the object library lamina_conformance_suite; a program links it, says on which subjects they
// run, and is linked to gtest's main:
//
//   INSTANTIATE_TEST_SUITE_P(Socket, SnapshotterSuite, testing::Values(over_socket()),
//   subject_name); INSTANTIATE_TEST_SUITE_P(Socket, OverlayTest, testing::Values(over_socket()),
//   subject_name);
class SnapshotterSuite : public testing::TestWithParam<Subject> {
  protected:
    // What a layer does to the tree that it is based on, given the root of that tree.
    using Layer = std::function<void(const std::string& root)>;

    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] Snapshotter& snapshotter() { return *snapshotter_; }
    [[nodiscard]] const OverlayOptions& options() const { return options_; }
    // Closes what is open and opens the same state anew.
    void reopen(const OverlayOptions& options);
    void reopen() { reopen(options_); }

    // A path for a mount or a tree that is not there yet.
    [[nodiscard]] std::string work(const std::string& name) const { return work_ / name; }
    // A directory to compare with, like the root of a fresh snapshot.
    [[nodiscard]] std::string plain_directory(const std::string& name) const;

    // Prepares a snapshot on `parent`, lets `layer` write into it, and commits it as `name`.
    void commit_layer(const std::string& name, const std::string& parent, const Layer& layer);
    // Commits the layers one upon the other and compares a view of each with what the same changes
    // make of a plain directory.
    void check_layers(const std::vector<Layer>& layers);

    [[nodiscard]] Mounts prepare(const std::string& key, const std::string& parent = {},
                                 const Labels& labels = {});
    [[nodiscard]] Mounts view(const std::string& key, const std::string& parent = {});
    void commit(const std::string& name, const std::string& key);
    void remove(const std::string& key);
    [[nodiscard]] Info stat(const std::string& key);
    // Names of what walk() visits, sorted.
    [[nodiscard]] std::vector<std::string> walk(const std::vector<std::string>& filters);

  private:
    TempDir work_;
    std::optional<LoopFilesystem> filesystem_;
    OverlayOptions options_;
    std::unique_ptr<Snapshotter> snapshotter_;
};

class OverlayTest : public SnapshotterSuite {
  protected:
    // Paths below the root.
    [[nodiscard]] std::string fs(int id) const;
    [[nodiscard]] std::string work_directory(int id) const;
    // `directories`, and what this machine's kernel adds to overlay mounts.
    [[nodiscard]] static std::vector<std::string> overlay(std::vector<std::string> directories);
};

inline std::string subject_name(const testing::TestParamInfo<Subject>& info) {
    return info.param.name;
}

// The code of a failure; fails the test when there is none.
template <class T>
[[nodiscard]] ErrorCode code_of(const Result<T>& result) {
    EXPECT_FALSE(result) << "succeeded, but must fail";
    return result ? ErrorCode{} : result.error().code;
}

} // namespace lamina::test
