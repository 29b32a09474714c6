// SPDX-License-Identifier: Apache-2.0
// A result that is not what the source is does not come to be.
#include <filesystem>

#include <gtest/gtest.h>

#include "snapshotter/laminactl/add_squash.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

const std::vector<Tree> kLayers = {{dir("etc"), file("etc/base", "b")},
                                   {file("etc/a", "a"), file("etc/z", "z")},
                                   {file("x", "x")}};

// Between writing and comparing one of the two becomes another: here the source, as it lies in the
// scratch directory, since the blob that was written is of no name yet.
class SquashProof : public SquashTest {
  protected:
    void change_when_comparing(const std::string& line, const std::string& name) {
        if (line.find("comparing") == std::string::npos) {
            return;
        }
        for (const auto& item : std::filesystem::recursive_directory_iterator(temp_ / "scratch")) {
            if (item.is_regular_file() && item.path().filename() == name) {
                write_file(item.path(), "!");
                ++changed_;
            }
        }
    }
    void expect_nothing_made() {
        EXPECT_EQ(changed_, 1);
        EXPECT_FALSE(exists(temp_ / "result"));
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temp_.path()),
                                std::filesystem::directory_iterator()),
                  2); // source and scratch
    }

    int changed_ = 0;
};

TEST_F(SquashProof, ADifferentResultGetsNoNameInAnyForm) {
    make_source(kLayers);
    for (const ImageForm form :
         {ImageForm::oci_directory, ImageForm::oci_archive, ImageForm::docker_archive}) {
        changed_ = 0;
        SquashRequest what = request("2");
        what.form = form;
        what.options.say = [&](const std::string& line) { change_when_comparing(line, "z"); };
        const auto report = squash_image(what, {});
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::data_loss);
        EXPECT_NE(report.error().message.find("etc/z: content"), std::string::npos)
            << report.error().message;
        expect_nothing_made();
    }
}

TEST_F(SquashProof, AnOlderResultStaysWhenTheNewOneDiffers) {
    make_source(kLayers);
    write_file(temp_ / "result", "old");
    SquashRequest what = request("2");
    what.form = ImageForm::oci_archive;
    what.options.say = [&](const std::string& line) { change_when_comparing(line, "z"); };
    EXPECT_FALSE(squash_image(what, {}));
    EXPECT_EQ(changed_, 1);
    EXPECT_EQ(read_file(temp_ / "result"), "old");
}

TEST_F(SquashProof, TheCommandFailsAndNamesTheFirstPath) {
    make_source(kLayers);
    SquashArguments arguments;
    SquashCommand& command = arguments.command;
    command.image = temp_ / "source";
    command.tag = "app:2";
    command.from_layer = "2";
    command.output_path = temp_ / "result";
    command.tmp_dir = temp_ / "scratch";
    command.say = [&](const std::string& line) { change_when_comparing(line, "a"); };
    testing::internal::CaptureStderr();
    const int status = squash_main(arguments);
    const std::string printed = testing::internal::GetCapturedStderr();
    EXPECT_EQ(status, 1);
    EXPECT_NE(printed.find("differs from the source: etc/a: content"), std::string::npos)
        << printed;
    expect_nothing_made();
}

} // namespace
} // namespace lamina::test
