// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/sqlite_store.h"
#include "tests/conformance/suite.h"

namespace lamina::test {
namespace {

Result<std::unique_ptr<Snapshotter>> open_library(const OverlayOptions& options) {
    TRY_ASSIGN(auto store, SqliteStore::open(options.root));
    return OverlaySnapshotter::open(options, std::move(store));
}

Subject library_on(const std::string& filesystem) {
    return {filesystem.empty() ? "default" : filesystem, open_library, filesystem};
}

const auto kFilesystems = testing::Values(library_on(""), library_on("ext4"), library_on("xfs"));

INSTANTIATE_TEST_SUITE_P(Library, SnapshotterSuite, kFilesystems, subject_name);
INSTANTIATE_TEST_SUITE_P(Library, OverlayTest, kFilesystems, subject_name);

} // namespace
} // namespace lamina::test
