// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/suite.h"
#include "tests/support/tree.h"

namespace lamina::test {
namespace {

TEST_P(SnapshotterSuite, ViewReadonly) {
    commit_layer("A", "", [](const std::string& root) { write_file(root + "/foo", "x"); });
    commit_layer("B", "A", [](const std::string& root) { write_file(root + "/bar", "x"); });
    for (const std::string parent : {"", "A", "B"}) {
        const std::string key = "view" + parent;
        const Mounted mounted(view(key, parent), work(key));
        ASSERT_TRUE(mounted.ok());
        EXPECT_EQ(::open((mounted / "new").c_str(), O_CREAT | O_WRONLY, 0644), -1);
        EXPECT_EQ(errno, EROFS) << key;
    }
}

TEST_P(SnapshotterSuite, RootPermission) {
    ::umask(0077);
    const Mounted mounted(prepare("key"), work("mnt"));
    ::umask(0);
    struct stat status{};
    ASSERT_EQ(::stat(mounted.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
}

TEST_P(SnapshotterSuite, 128LayersMount) {
    constexpr int kLayers = 128;
    std::string parent;
    for (int i = 0; i < kLayers; ++i) {
        const std::string name = "layer" + std::to_string(i);
        ASSERT_NO_FATAL_FAILURE(commit_layer(name, parent, [&](const std::string& root) {
            write_file(root + "/overwritten", name);
            write_file(root + "/file" + std::to_string(i), name);
        })) << name;
        parent = name;
    }
    const Mounted top(prepare("top", parent), work("top"));
    ASSERT_TRUE(top.ok());
    EXPECT_EQ(read_file(top / "overwritten"), "layer127");
    for (int i = 0; i < kLayers; ++i) {
        EXPECT_EQ(read_file(top / ("file" + std::to_string(i))), "layer" + std::to_string(i));
    }
}

} // namespace
} // namespace lamina::test
