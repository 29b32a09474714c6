// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/image_builder.h"
#include "tests/support/temp_dir.h"
#include "unpacker/squash/squash_image.h"

namespace lamina::test {

// What an image of a layout shows, by ways that share nothing with merging: its layers unpacked and
// mounted by the kernel's overlayfs, and unpacked one over the other into one directory.
struct ShownImage {
    std::string mounted;
    std::string unpacked;
    Json manifest;
    Json config;
};
[[nodiscard]] ShownImage show_image(const ImageSource& source, const Descriptor& manifest);

// Squashes images in a private directory: temp/source to temp/result.
class SquashTest : public testing::Test {
  protected:
    void SetUp() override;
    // The scratch directory is empty after every test.
    void TearDown() override;

    // Writes the layout.
    void make_source(const std::vector<Tree>& layers, ImageJson history = ImageJson::array());
    void write_source(const std::vector<ImageJson>& images);

    [[nodiscard]] SquashRequest request(const std::string& from) const;
    Result<SquashReport> squash(const std::string& from);

    // Squashes and expects that both images show the same, and that the lower layers stayed.
    void expect_same_tree_after_squash(const std::string& from);

    // The only image of a layout, or those of its index.
    static std::vector<Descriptor> manifests_of(const ImageSource& source);
    static ImageSource open(const std::string& path);

    TempDir temp_;
    ImageBuilder image_;
    size_t layers_ = 1; // into how many
};

} // namespace lamina::test
