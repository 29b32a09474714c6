// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "tests/conformance/suite.h"
#include "tests/support/tree.h"

namespace lamina::test {
namespace {

const Labels kMappings = {{"containerd.io/snapshot/uidmapping", "0:666:65535"},
                          {"containerd.io/snapshot/gidmapping", "0:777:65535"}};

void expect_owner(const std::string& path, unsigned uid, unsigned gid) {
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_uid, uid);
    EXPECT_EQ(status.st_gid, gid);
}

TEST_P(OverlayTest, TestOverlayMounts) {
    EXPECT_EQ(prepare("/tmp/test"), (Mounts{{"bind", fs(1), "", {"rw", "rbind"}}}));
}

TEST_P(OverlayTest, TestOverlayCommit) {
    const Mounts mounts = prepare("/tmp/test");
    ASSERT_EQ(mounts.size(), 1U);
    write_file(mounts.front().source + "/foo", "hi");
    commit("base", "/tmp/test");
    const auto usage = snapshotter().usage("base");
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->inodes, 2U);
}

TEST_P(OverlayTest, TestOverlayOverlayMount) {
    (void)prepare("/tmp/test");
    commit("base", "/tmp/test");
    const auto expected =
        overlay({"workdir=" + work_directory(2), "upperdir=" + fs(2), "lowerdir=" + fs(1)});
    EXPECT_EQ(prepare("/tmp/layer2", "base"), (Mounts{{"overlay", "overlay", "", expected}}));
    EXPECT_EQ(snapshotter().mounts("/tmp/layer2").value_or(Mounts{}),
              (Mounts{{"overlay", "overlay", "", expected}}));
}

TEST_P(OverlayTest, TestOverlayOverlayRead) {
    commit_layer("base", "", [](const std::string& root) { write_file(root + "/foo", "hi"); });
    const Mounted mounted(prepare("/tmp/layer2", "base"), work("dest"));
    ASSERT_TRUE(mounted.ok());
    EXPECT_EQ(read_file(mounted / "foo"), "hi");
}

TEST_P(OverlayTest, TestOverlayView) {
    (void)prepare("/tmp/base");
    commit("base", "/tmp/base");
    (void)prepare("/tmp/top", "base");
    commit("top", "/tmp/top");
    EXPECT_EQ(view("/tmp/view1", "base"), (Mounts{{"bind", fs(1), "", {"ro", "rbind"}}}));
    EXPECT_EQ(view("/tmp/view2", "top"),
              (Mounts{{"overlay", "overlay", "", overlay({"lowerdir=" + fs(2) + ":" + fs(1)})}}));
}

TEST_P(OverlayTest, TestOverlayRemappedBind) {
    OverlayOptions remapping = options();
    remapping.remap_ids = true;
    reopen(remapping);
    EXPECT_EQ(
        prepare("/tmp/test", "", kMappings),
        (Mounts{{"bind", fs(1), "", {"uidmap=0:666:65535", "gidmap=0:777:65535", "rw", "rbind"}}}));
    expect_owner(fs(1), 666, 777);
}

TEST_P(OverlayTest, TestOverlayRemappedActive) {
    OverlayOptions remapping = options();
    remapping.remap_ids = true;
    reopen(remapping);
    (void)prepare("/tmp/test");
    commit("base", "/tmp/test");
    EXPECT_EQ(prepare("/tmp/layer2", "base", kMappings),
              (Mounts{{"overlay", "overlay", "",
                       overlay({"uidmap=0:666:65535", "gidmap=0:777:65535",
                                "workdir=" + work_directory(2), "upperdir=" + fs(2),
                                "lowerdir=" + fs(1)})}}));
    expect_owner(fs(2), 666, 777);
}

TEST_P(OverlayTest, TestOverlayRemappedInvalidMappings) {
    const Labels invalid[] = {
        {{"containerd.io/snapshot/uidmapping", "1:1:4294967294"},
         {"containerd.io/snapshot/gidmapping", "1:1:4294967294"}},
        {{"containerd.io/snapshot/uidmapping", "0:666:65535"},
         {"containerd.io/snapshot/gidmapping", "0:777:bad"}},
        {{"containerd.io/snapshot/uidmapping", "-1:-2:-3"}},
    };
    for (const auto& labels : invalid) {
        EXPECT_EQ(code_of(snapshotter().prepare("key", "", labels)), ErrorCode::invalid_argument);
        EXPECT_EQ(code_of(snapshotter().stat("key")), ErrorCode::not_found);
    }
}

TEST_P(OverlayTest, TestOverlayConfiguredIndexNotOverridden) {
    OverlayOptions configured = options();
    configured.mount_options = {"index=on"};
    reopen(configured);
    (void)prepare("/tmp/test");
    commit("base", "/tmp/test");
    EXPECT_EQ(prepare("/tmp/layer2", "base").front().options,
              (std::vector<std::string>{"workdir=" + work_directory(2), "upperdir=" + fs(2),
                                        "lowerdir=" + fs(1), "index=on"}));
}

} // namespace
} // namespace lamina::test
