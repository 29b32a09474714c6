// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/image_builder.h"
#include "tests/support/process.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/image/layout_writer.h"
#include "unpacker/image/media_types.h"

namespace lamina {
namespace {

using namespace test;

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& item : std::filesystem::directory_iterator(directory)) {
        names.push_back(item.path().filename().string());
    }
    return names;
}

class Writer : public testing::TestWithParam<ImageForm> {
  protected:
    void SetUp() override {
        ImageBuilder image;
        ImageBuilder::Image content{.layers = {{dir("d"), file("d/f", "content")}}};
        content.config["config"] = {{"Cmd", {"/bin/true"}}};
        image.finish({image.image(content)});
        make_tree(temp_.path(), {dir("source"), dir("out")});
        image.write_directory(temp_ / "source");
        source_ = std::make_unique<ImageSource>(*ImageSource::open(temp_ / "source"));
    }

    // Copies the image and returns the error of publishing it, if any.
    Status copy(const std::string& path) {
        TRY_ASSIGN(LayoutWriter writer, LayoutWriter::create(path, GetParam()));
        const Descriptor& from = source_->images().at(0);
        TRY_ASSIGN(const Json manifest, source_->read_json(from));
        Json names = Json::array();
        for (const Json& layer : manifest["layers"]) {
            TRY_ASSIGN(const Descriptor descriptor, Descriptor::parse(layer));
            TRY(writer.copy_blob(*source_, descriptor));
            TRY(writer.copy_blob(*source_, descriptor)); // once is enough
            names.push_back("blobs/sha256/" + std::string(descriptor.digest.hex()));
        }
        TRY_ASSIGN(const Descriptor config, Descriptor::parse(manifest["config"]));
        TRY(writer.copy_blob(*source_, config));
        TRY_ASSIGN(Descriptor made, writer.add_document(manifest, from.json));
        made.json["annotations"] = {{"org.opencontainers.image.ref.name", "copy"}};
        const Json image = {{"Config", "blobs/sha256/" + std::string(config.digest.hex())},
                            {"RepoTags", Json::array({"copy:latest"})},
                            {"Layers", names}};
        return writer.publish({{"schemaVersion", 2}, {"manifests", Json::array({made.json})}},
                              Json::array({image}));
    }

    TempDir temp_;
    std::unique_ptr<ImageSource> source_;
};
std::string name_of_form(const testing::TestParamInfo<ImageForm>& form) {
    switch (form.param) {
    case ImageForm::oci_directory:
        return "oci_directory";
    case ImageForm::oci_archive:
        return "oci_archive";
    default:
        return "docker_archive";
    }
}
INSTANTIATE_TEST_SUITE_P(Every, Writer,
                         testing::Values(ImageForm::oci_directory, ImageForm::oci_archive,
                                         ImageForm::docker_archive),
                         name_of_form);

TEST_P(Writer, CopyingIsCanceled) {
    auto writer = LayoutWriter::create(temp_ / "out/image", GetParam());
    ASSERT_TRUE(writer) << writer.error().message;
    std::stop_source stop;
    stop.request_stop();
    const auto copied = writer->copy_blob(*source_, source_->images().at(0), stop.get_token());
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, ErrorCode::canceled);
}

TEST_P(Writer, WhatItWritesIsReadBack) {
    const auto copied = copy(temp_ / "out/image");
    ASSERT_TRUE(copied) << copied.error().message;
    const auto image = ImageSource::open(temp_ / "out/image");
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->form(), GetParam());
    const auto manifest = image->read_json(image->images().at(0));
    ASSERT_TRUE(manifest) << manifest.error().message;
    EXPECT_EQ(*manifest, *source_->read_json(source_->images().at(0)));
    EXPECT_TRUE(image->open_blob(*Descriptor::parse((*manifest)["layers"][0])));
    EXPECT_EQ(names_in(temp_ / "out"), (std::vector<std::string>{"image"}));
}

TEST_P(Writer, SkopeoReadsIt) {
    ASSERT_TRUE(has_program("skopeo"));
    ASSERT_TRUE(copy(temp_ / "out/image"));
    constexpr const char* kTransports[] = {"oci:", "oci-archive:", "docker-archive:"};
    const bool is_docker = GetParam() == ImageForm::docker_archive;
    const std::string name = kTransports[static_cast<size_t>(GetParam())] + (temp_ / "out/image") +
                             (is_docker ? ":copy:latest" : ":copy");
    EXPECT_EQ(
        run({"skopeo", "--insecure-policy", "copy", "-q", name, "dir:" + (temp_ / "out/dir")}), 0);
}

TEST_P(Writer, SameImageIsSameBytes) {
    ASSERT_TRUE(copy(temp_ / "out/a"));
    ASSERT_TRUE(copy(temp_ / "out/b"));
    if (GetParam() != ImageForm::oci_directory) {
        EXPECT_TRUE(read_file(temp_ / "out/a") == read_file(temp_ / "out/b"));
    }
}

TEST_P(Writer, NothingIsLeftOfAnImageThatIsNotPublished) {
    {
        auto writer = LayoutWriter::create(temp_ / "out/image", GetParam());
        ASSERT_TRUE(writer) << writer.error().message;
        ASSERT_TRUE(writer->add_document({{"a", 1}}, Json::object()));
        EXPECT_FALSE(names_in(temp_ / "out").empty());
    }
    EXPECT_TRUE(names_in(temp_ / "out").empty());
}

TEST_P(Writer, ADirectoryInTheWayStays) {
    make_tree(temp_ / "out", {dir("image"), file("image/precious", "x")});
    const auto copied = copy(temp_ / "out/image");
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, ErrorCode::already_exists);
    EXPECT_EQ(read_file(temp_ / "out/image/precious"), "x");
    EXPECT_EQ(names_in(temp_ / "out"), (std::vector<std::string>{"image"}));
}

TEST_P(Writer, AnOlderArchiveIsReplaced) {
    write_file(temp_ / "out/image", "old");
    const auto copied = copy(temp_ / "out/image");
    EXPECT_EQ(copied.has_value(), GetParam() != ImageForm::oci_directory);
    EXPECT_EQ(read_file(temp_ / "out/image") == "old", GetParam() == ImageForm::oci_directory);
}

TEST_P(Writer, PathsThatNameNothingAreRefused) {
    for (const char* path : {"", "/", ".", "..", "no/such/folder/image"}) {
        EXPECT_FALSE(LayoutWriter::create(path, GetParam())) << path;
    }
}

TEST_P(Writer, ManyCanReadWhatWasWritten) {
    ASSERT_TRUE(copy(temp_ / "out/image"));
    struct stat status{};
    ASSERT_EQ(stat((temp_ / "out/image").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0444U, 0444U);
}

} // namespace
} // namespace lamina
