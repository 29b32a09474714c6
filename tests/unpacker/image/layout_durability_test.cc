// SPDX-License-Identifier: Apache-2.0
// What is on the disk when an image has its name, and when the writer says so.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "unpacker/image/layout_writer.h"

namespace {

// The calls of this program below, in their order: "fsync <path>" and "rename <new path>".
std::vector<std::string> calls;

std::string path_of(int fd) {
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
}

} // namespace

// The dynamic linker takes a program's own definitions before those of its libraries.
extern "C" {
int fsync(int fd) {
    calls.push_back("fsync " + path_of(fd));
    return static_cast<int>(::syscall(SYS_fsync, fd));
}
int renameat(int from, const char* name, int to, const char* new_name) noexcept {
    calls.push_back("rename " + path_of(to) + "/" + new_name);
    return static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, 0));
}
int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) noexcept {
    calls.push_back("rename " + path_of(to) + "/" + new_name);
    return static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, flags));
}
}

namespace lamina {
namespace {

class Durability : public testing::TestWithParam<ImageForm> {
  protected:
    void publish() {
        auto writer = LayoutWriter::create(path_, GetParam());
        ASSERT_TRUE(writer) << writer.error().message;
        ASSERT_TRUE(writer->add_document({{"a", 1}}, Json::object()));
        calls.clear();
        const auto published = writer->publish(Json::object(), Json::array());
        ASSERT_TRUE(published) << published.error().message;
    }
    static size_t place_of(const std::string& call) {
        return static_cast<size_t>(std::ranges::find(calls, call) - calls.begin());
    }

    test::TempDir temp_;
    std::string directory_ = std::filesystem::canonical(temp_.path());
    std::string path_ = directory_ + "/image";
};

TEST_P(Durability, NameIsOnTheDiskWhenTheImageIsPublished) {
    publish();
    const size_t renamed = place_of("rename " + path_);
    ASSERT_LT(renamed, calls.size());
    EXPECT_EQ(place_of("fsync " + directory_), renamed + 1);
}

TEST_P(Durability, ContentIsOnTheDiskBeforeItHasItsName) {
    publish();
    const size_t renamed = place_of("rename " + path_);
    ASSERT_GT(renamed, 0U);
    // The archive, or the private directory, still under another name.
    EXPECT_TRUE(calls[renamed - 1].starts_with("fsync " + directory_ + "/.image."))
        << calls[renamed - 1];
}

INSTANTIATE_TEST_SUITE_P(Every, Durability,
                         testing::Values(ImageForm::oci_directory, ImageForm::oci_archive,
                                         ImageForm::docker_archive));

} // namespace
} // namespace lamina
