// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/archive/archive_test.h"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/recorded_index.h"
#include "unpacker/layer/leaf_engine.h"

namespace lamina::test {
namespace {

const Tree kOutside = {dir("etc"), file("etc/passwd", "outside"), file("etc/hosts", "outside"),
                       dir("sub", 0701).owner(66, 66), file("sub/file", "outside")};

// What lies beside the root. The root itself may hold paths that are too long to walk.
std::string manifest_outside(const std::string& temp) {
    std::string out = manifest(temp + "/outside");
    for (const auto& item : std::filesystem::directory_iterator(temp)) {
        out += item.path().filename().string() + "\n";
    }
    return out;
}

std::string describe(const Result<UnpackReport>& result) {
    return result ? "no error" : result.error().message;
}

} // namespace

void ArchiveTest::SetUp() {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: archives set owners and make devices";
    }
    if (const auto engine = make_engine(GetParam().engine); !engine) {
        GTEST_SKIP() << "needs the engine: " << engine.error().message;
    }
    make_tree(temp_.path(), {dir("root"), dir("outside")});
    make_tree(outside(), kOutside);
    prepare();
    outside_before_ = manifest_outside(temp_.path());
    descriptors_before_ = count_descriptors();
}

void ArchiveTest::TearDown() {
    if (outside_before_.empty()) {
        return;
    }
    EXPECT_EQ(manifest_outside(temp_.path()), outside_before_);
    EXPECT_EQ(count_descriptors(), descriptors_before_);
}

Result<UnpackReport> ArchiveTest::unpack_to(const UnpackTarget& target, const std::string& blob) {
    MemoryBlob source(blob);
    const RecordedIndex index;
    UnpackTarget recorded = target;
    recorded.index = index.fd();
    auto report = unpack_layer(source, Encoding::sniff, recorded, GetParam(), {});
    if (report && report->is_indexed) {
        EXPECT_EQ(index.difference(target.root), "");
    }
    return report;
}

Result<UnpackReport> ArchiveTest::unpack(const std::string& blob) {
    UnpackTarget target;
    target.root = root();
    return unpack_to(target, blob);
}

Result<UnpackReport> ArchiveTest::unpack_overlay(const std::string& blob,
                                                 const std::vector<std::string>& lowerdirs) {
    UnpackTarget target;
    target.root = root();
    target.whiteouts = WhiteoutMode::overlay;
    target.lowerdirs = lowerdirs;
    return unpack_to(target, blob);
}

void ArchiveTest::must_unpack(const Tree& entries) {
    const auto result = unpack(tar(entries));
    EXPECT_TRUE(result) << describe(result);
}

void ArchiveTest::must_unpack_overlay(const Tree& entries,
                                      const std::vector<std::string>& lowerdirs) {
    const auto result = unpack_overlay(tar(entries), lowerdirs);
    EXPECT_TRUE(result) << describe(result);
}

void ArchiveTest::must_fail(const std::string& blob, ErrorCode code, std::string_view name) {
    const auto result = unpack(blob);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_THAT(result.error().message, testing::HasSubstr(std::string(name)));
}

void ArchiveTest::expect_root_holds(const Tree& entries) {
    TempDir expected;
    make_tree(expected.path(), {dir("root")});
    make_tree(expected / "root", entries);
    EXPECT_EQ(manifest_of_root(), manifest(expected / "root", ManifestTimes::none));
}

const std::vector<UnpackOptions>& every_way() {
    static const std::vector<UnpackOptions> ways = {{1, EngineKind::threads},
                                                    {4, EngineKind::threads},
                                                    {1, EngineKind::io_uring},
                                                    {4, EngineKind::io_uring}};
    return ways;
}

std::string name_of_way(const testing::TestParamInfo<UnpackOptions>& info) {
    return fmt::format("{}_{}", name_of(info.param.engine), info.param.writers);
}

} // namespace lamina::test
