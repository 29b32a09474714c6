// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/entry.h"
#include "tests/support/manifest.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {

// Unpacks archives into an empty root. The parameter is the engine and the number of writers, so
// that an order that only one of them keeps shows. After each test nothing outside of the root may
// have changed and no descriptor may be left open.
//
//   temp/root      what is unpacked into
//   temp/outside   what an archive that escapes would reach, e.g. as ../outside/etc/passwd
class ArchiveTest : public testing::TestWithParam<UnpackOptions> {
  protected:
    void SetUp() override;
    void TearDown() override;
    // Makes what a suite needs before each test; what lies outside of the root is taken after it.
    virtual void prepare() {}

    [[nodiscard]] std::string root() const { return temp_ / "root"; }
    [[nodiscard]] std::string outside() const { return temp_ / "outside"; }
    // A path below the root.
    [[nodiscard]] std::string at(const std::string& name) const { return root() + "/" + name; }
    [[nodiscard]] std::string manifest_of_root(ManifestTimes times = ManifestTimes::none) const {
        return manifest(root(), times);
    }

    // WhiteoutMode::delete_in_place.
    Result<UnpackReport> unpack(const std::string& blob);
    // WhiteoutMode::overlay.
    Result<UnpackReport> unpack_overlay(const std::string& blob,
                                        const std::vector<std::string>& lowerdirs = {});
    Result<UnpackReport> unpack_to(const UnpackTarget& target, const std::string& blob);

    // These fail the test, with the message of the error.
    void must_unpack(const Tree& entries);
    void must_unpack_overlay(const Tree& entries, const std::vector<std::string>& lowerdirs = {});

    // Unpacks and expects an error of this kind whose message holds `name`.
    void must_fail(const std::string& blob, ErrorCode code, std::string_view name);

    // The root must hold exactly `entries` (times left out).
    void expect_root_holds(const Tree& entries);

    TempDir temp_;

  private:
    std::string outside_before_;
    size_t descriptors_before_ = 0;
};

// Both engines, each with one writer and with four. Tests of an engine that cannot run are skipped.
const std::vector<UnpackOptions>& every_way();
std::string name_of_way(const testing::TestParamInfo<UnpackOptions>& info);

} // namespace lamina::test

// The tests of `Suite` run in every way.
#define LAMINA_EVERY_WAY(Suite)                                                                    \
    INSTANTIATE_TEST_SUITE_P(Every, Suite, testing::ValuesIn(every_way()), name_of_way)
