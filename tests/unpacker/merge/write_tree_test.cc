// SPDX-License-Identifier: Apache-2.0
// What the merged tree is made of: inodes, metadata, marks. That it shows the right names is for
// merge_test.cc and overlay_view_test.cc.
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/manifest.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "tests/unpacker/merge/flatten.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_builder.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/merge/write_tree.h"

namespace lamina::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Paths = std::vector<std::string>;

class WriteTree : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: owners, trusted xattrs, devices, overlay mounts";
        }
    }

    // A layer above those made before.
    void layer(const Tree& entries) {
        const std::string name = fmt::format("layer{}", layers_.size());
        make_tree(temp_.path(), {dir(name)});
        make_tree(temp_ / name, entries);
        layers_.insert(layers_.begin(), temp_ / name);
    }

    // All layers but the `base` lowest as one tree.
    TreeReport merge(size_t base = 0, const WriteOptions& options = {}) {
        const auto cut = layers_.end() - static_cast<long>(base);
        base_ = {cut, layers_.end()};
        const auto written = flatten({layers_.begin(), cut}, base_, temp_ / "tree", options);
        EXPECT_TRUE(written) << written.error().message;
        return written ? *written : TreeReport{};
    }

    [[nodiscard]] std::string tree(const std::string& name = "") const {
        return temp_ / ("tree/" + name);
    }

    // The tree over its base must show what the layers show.
    void expect_same_view() {
        const OverlayMount expected(layers_, temp_ / "expected");
        ASSERT_EQ(expected.error(), "");
        Paths mounted{temp_ / "tree"};
        mounted.insert(mounted.end(), base_.begin(), base_.end());
        const OverlayMount found(mounted, temp_ / "found");
        ASSERT_EQ(found.error(), "");
        EXPECT_EQ(manifest(found.path()), manifest(expected.path()));
    }

    static struct stat status(const std::string& path) {
        struct stat status{};
        EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
        return status;
    }
    static ino_t inode(const std::string& path) { return status(path).st_ino; }

    TempDir temp_;
    Paths layers_; // topmost first
    Paths base_;
};

TEST_F(WriteTree, LeavesAreTheInodesOfTheirLayers) {
    layer({file("f", "content"), dir("d"), fifo("d/p"), char_device("d/c", 1, 3)});
    layer({symlink("f", "l")});
    const TreeReport report = merge();
    EXPECT_EQ(inode(tree("f")), inode(layers_[1] + "/f"));
    EXPECT_EQ(inode(tree("d/p")), inode(layers_[1] + "/d/p"));
    EXPECT_EQ(inode(tree("d/c")), inode(layers_[1] + "/d/c"));
    EXPECT_EQ(inode(tree("l")), inode(layers_[0] + "/l"));
    EXPECT_EQ(status(tree("f")).st_nlink, 2);
    EXPECT_EQ(report.leaves, 4);
    EXPECT_EQ(report.copied_inodes, 0);
    EXPECT_EQ(report.directories, 2); // the root is one
    EXPECT_EQ(report.own.inodes, 2);
    EXPECT_EQ(report.own.size_bytes,
              512U * static_cast<uint64_t>(status(tree()).st_blocks + status(tree("d")).st_blocks));
}

TEST_F(WriteTree, CopiesHaveInodesOfTheirOwn) {
    layer({file("f", "content", 04711).owner(3, 4).mtime(-5, 7).xattr("user.k", "v"),
           hard_link("f", "g").mode(04711).owner(3, 4).mtime(-5, 7).xattr("user.k", "v"),
           symlink("f", "l").owner(5, 6).mtime(9, 1), fifo("p", 0640).mtime(8)});
    for (const LeafSource leaves : {LeafSource::reflink, LeafSource::copy}) {
        const TreeReport report = merge(0, {.leaves = leaves, .active_layers = {}});
        EXPECT_EQ(manifest(tree()), manifest(layers_[0]));
        EXPECT_NE(inode(tree("f")), inode(layers_[0] + "/f"));
        EXPECT_EQ(status(tree("f")).st_nlink, 2);
        EXPECT_EQ(status(layers_[0] + "/f").st_nlink, 2);
        EXPECT_EQ(report.leaves, 4);
        EXPECT_EQ(report.copied_inodes, 3);
        ASSERT_EQ(run({"rm", "-r", tree()}), 0);
    }
}

TEST_F(WriteTree, NothingIsSharedWithAnActiveLayer) {
    layer({file("committed", "1")});
    layer({file("active", "2")});
    merge(0, {.active_layers = {0}});
    EXPECT_NE(inode(tree("active")), inode(layers_[0] + "/active"));
    EXPECT_EQ(inode(tree("committed")), inode(layers_[1] + "/committed"));
}

TEST_F(WriteTree, Rule5MarksAreOfTheFormOfTheMount) {
    for (const auto form : {OverlayXattrs::trusted, OverlayXattrs::user}) {
        const std::string mark = overlay_xattr(form, "opaque");
        layers_.clear();
        ASSERT_EQ(run({"rm", "-rf", temp_ / "layer0", temp_ / "layer1", tree()}), 0);
        layer({dir("d"), file("d/old")});
        layer({dir("d").xattr(mark, "y")});
        merge(1, {.form = form, .active_layers = {}});
        EXPECT_EQ(read_entry(tree("d"), "d").xattrs,
                  (std::map<std::string, std::string>{{mark, "y"}}));
    }
}

TEST_F(WriteTree, Rule7MarksStayBehindAndLinksStayTogether) {
    const std::string origin = "trusted.overlay.origin";
    const std::string escaped = "trusted.overlay.overlay.origin";
    layer({dir("d").xattr("trusted.overlay.impure", "y").xattr("user.k", "v"),
           file("d/a", "content").xattr(origin, "x").xattr("user.k", "v"),
           hard_link("d/a", "d/b").xattr(origin, "x").xattr("user.k", "v"),
           file("within").xattr(escaped, "x")});
    const TreeReport report = merge();
    const std::map<std::string, std::string> kept{{"user.k", "v"}};
    EXPECT_EQ(read_entry(tree("d"), "d").xattrs, kept);
    EXPECT_EQ(read_entry(tree("d/a"), "a").xattrs, kept);
    EXPECT_EQ(read_file(tree("d/a")), "content");
    EXPECT_EQ(inode(tree("d/a")), inode(tree("d/b")));
    EXPECT_NE(inode(tree("d/a")), inode(layers_[0] + "/d/a"));
    EXPECT_EQ(inode(tree("within")), inode(layers_[0] + "/within"));
    EXPECT_EQ(report.copied_inodes, 1);
    EXPECT_TRUE(read_entry(layers_[0] + "/d/a", "a").xattrs.contains(origin));
}

TEST_F(WriteTree, Rule8TheRootIsThatOfTheTopmostLayer) {
    layer({});
    layer({});
    set_metadata(layers_[0], dir("", 01750).owner(7, 8).mtime(100, 5).xattr("user.top", "1"));
    set_metadata(layers_[1], dir("", 0700).owner(1, 2).mtime(200, 6).xattr("user.low", "1"));
    merge();
    EXPECT_EQ(manifest(tree()), manifest(layers_[0]));
    EXPECT_EQ(status(tree()).st_mtim.tv_sec, 100);
    EXPECT_EQ(status(tree()).st_mtim.tv_nsec, 5);
}

// VFS_CAP_REVISION_2 with CAP_NET_RAW, capability.h.
std::string net_raw() {
    return std::string("\x01\x00\x00\x02\x00\x20\x00\x00", 8) + std::string(12, '\0');
}

// user::rwx, user:1000:rwx, group::r-x, mask::rwx, other::r-x; acl(5), posix_acl_xattr.h.
std::string acl() {
    std::string bytes("\x02\0\0\0", 4);
    const auto add = [&](char tag, char permissions, int32_t id) {
        bytes += {tag, 0, permissions, 0};
        for (unsigned shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>(static_cast<uint32_t>(id) >> shift);
        }
    };
    add(0x01, 7, -1);
    add(0x02, 7, 1000);
    add(0x04, 5, -1);
    add(0x10, 7, -1);
    add(0x20, 5, -1);
    return bytes;
}

TEST_F(WriteTree, Rule9NothingOfTheMetadataIsLostOrInherited) {
    layer({dir("d"), file("d/plain", "1", 0600).mtime(1, 2),
           file("d/suid", "2", 06755).owner(4, 5).xattr("security.capability", net_raw()),
           file("d/acl", "3", 0675).xattr("system.posix_acl_access", acl()),
           dir("d/e", 0555).mtime(50, 1), dir("d/e/f").mtime(60), fifo("d/e/f/p", 0604),
           // Last: what is made after it inherits its ACL.
           dir("d", 02775).owner(9, 9).mtime(-100, 3).xattr("system.posix_acl_default", acl())});
    layer({dir("d"), file("d/new").owner(1, 1),
           dir("d", 02770).owner(9, 8).mtime(-99, 4).xattr("system.posix_acl_default", acl())});
    for (const LeafSource leaves : {LeafSource::hard_link, LeafSource::copy}) {
        merge(0, {.leaves = leaves, .active_layers = {}});
        expect_same_view();
        EXPECT_THAT(manifest(tree()), HasSubstr("d/suid file 6755 4:5"));
        EXPECT_THAT(manifest(tree()), HasSubstr("security.capability="));
        EXPECT_FALSE(read_entry(tree("d/plain"), "").xattrs.contains("system.posix_acl_access"));
        ASSERT_EQ(run({"rm", "-r", tree()}), 0);
    }
}

TEST_F(WriteTree, Rule10WhiteoutsShareOneInodeOfTheTree) {
    layer({file("a"), dir("d"), file("d/b"), file("c")});
    layer({char_device("a", 0, 0), dir("d"), char_device("d/b", 0, 0), char_device("c", 0, 0)});
    const TreeReport report = merge(1);
    EXPECT_EQ(report.whiteouts, 3);
    EXPECT_EQ(inode(tree("a")), inode(tree("d/b")));
    EXPECT_EQ(inode(tree("a")), inode(tree("c")));
    EXPECT_EQ(status(tree("a")).st_nlink, 3);
    EXPECT_EQ(status(tree("a")).st_rdev, 0);
    EXPECT_NE(inode(tree("a")), inode(layers_[0] + "/a"));
    expect_same_view();
}

TEST_F(WriteTree, Rule10BeyondTheLimitOfLinksThereIsAnother) {
    constexpr int kNames = 65'100; // ext4: 65,000
    layer({});
    IndexBuilder upper;
    IndexBuilder lower;
    IndexEntry entry;
    entry.type = NodeType::directory;
    upper.add(entry);
    lower.add(entry);
    for (int i = 0; i < kNames; ++i) {
        entry.path = std::to_string(i);
        entry.type = NodeType::whiteout;
        upper.add(entry);
        entry.type = NodeType::file;
        lower.add(entry);
    }
    const auto whiteouts = upper.build();
    const auto files = lower.build();
    const Fd root = *open_directory(layers_[0]);
    auto trees = *LayerTrees::open({root.get()});
    auto merge = *Merge::open({{&*whiteouts}, {&*files}});
    make_tree(temp_.path(), {dir("tree")});
    const Fd output = *open_directory(tree());
    const auto written = write_tree(merge, trees, output.get(), {});
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(written->whiteouts, kNames);
    EXPECT_EQ(list_names(output.get())->size(), kNames);
    EXPECT_EQ(status(tree("65099")).st_rdev, 0);
}

TEST_F(WriteTree, Rule11SurvivorsOfAGroupKeepTheirContent) {
    layer({file("a", "old"), hard_link("a", "b"), hard_link("a", "c"), file("d", "1"),
           hard_link("d", "e")});
    layer({file("a", "new"), char_device("d", 0, 0)});
    merge();
    EXPECT_EQ(read_file(tree("a")), "new");
    EXPECT_EQ(read_file(tree("b")), "old");
    EXPECT_EQ(read_file(tree("e")), "1");
    EXPECT_EQ(inode(tree("b")), inode(tree("c")));
    expect_same_view();
}

// What docker-squash loses or lets reappear.
TEST_F(WriteTree, NamesAreNotMistakenAndOldFilesStayHidden) {
    layer({dir("d"), file("d/old"), dir("e"), file("e/x"), file("foo.wh.bar")});
    layer({char_device("d", 0, 0), file("e"), file(".wh.odd")});
    layer({dir("d"), file("d/new")});
    merge(1);
    expect_same_view();
    EXPECT_THAT(manifest(tree()), HasSubstr("d/new"));
    EXPECT_THAT(manifest(tree()), Not(HasSubstr("d/old")));
    EXPECT_THAT(manifest(tree()), HasSubstr(".wh.odd file"));
    ASSERT_EQ(run({"rm", "-r", tree(), temp_ / "expected", temp_ / "found"}), 0);
    merge();
    expect_same_view();
    EXPECT_THAT(manifest(tree()), HasSubstr("foo.wh.bar file"));
}

TEST_F(WriteTree, XattrWhiteoutsHideAndBecomePlainOnes) {
    layer({dir("d"), file("d/gone"), file("d/kept")});
    layer({dir("d").xattr("trusted.overlay.opaque", "x"),
           file("d/gone").xattr("trusted.overlay.whiteout", "y")});
    layer({});
    merge(1);
    EXPECT_EQ(status(tree("d/gone")).st_mode & S_IFMT, S_IFCHR);
    EXPECT_TRUE(read_entry(tree("d"), "d").xattrs.empty());
    expect_same_view();
}

TEST_F(WriteTree, AnotherFilesystemGetsCopies) {
    layer({file("f", "content"), hard_link("f", "g"), symlink("f", "l"), char_device("c", 1, 3)});
    make_tree(temp_.path(), {dir("other")});
    ASSERT_EQ(::mount("tmpfs", (temp_ / "other").c_str(), "tmpfs", 0, ""), 0);
    const auto written = flatten(layers_, {}, temp_ / "other/tree");
    const std::string found = written ? manifest(temp_ / "other/tree") : written.error().message;
    const auto links = written ? status(temp_ / "other/tree/f").st_nlink : 0;
    ASSERT_EQ(::umount2((temp_ / "other").c_str(), MNT_DETACH), 0);
    EXPECT_EQ(found, manifest(layers_[0]));
    ASSERT_TRUE(written);
    EXPECT_EQ(links, 2);
    EXPECT_EQ(written->copied_inodes, 3);
}

// Immutable files cannot be linked (link(2), EPERM).
void set_immutable(const std::string& path, bool is_immutable) {
    const Fd file = *open_file(path, O_RDONLY);
    int flags = is_immutable ? FS_IMMUTABLE_FL : 0;
    ASSERT_EQ(::ioctl(file.get(), FS_IOC_SETFLAGS, &flags), 0);
}

TEST_F(WriteTree, WhatMayNotBeLinkedIsCopied) {
    layer({file("f", "content")});
    set_immutable(layers_[0] + "/f", true);
    const TreeReport report = merge();
    set_immutable(layers_[0] + "/f", false);
    EXPECT_EQ(manifest(tree()), manifest(layers_[0]));
    EXPECT_EQ(report.copied_inodes, 1);
}

TEST_F(WriteTree, BeyondTheLimitOfLinksAFileIsCopied) {
    layer({file("f", "content")});
    make_tree(temp_.path(), {dir("more")});
    int links = 1;
    while (links < 70'000 && ::link((layers_[0] + "/f").c_str(),
                                    fmt::format("{}/{}", temp_ / "more", links).c_str()) == 0) {
        ++links;
    }
    const bool is_limited = links < 70'000;
    ASSERT_TRUE(!is_limited || errno == EMLINK);
    EXPECT_EQ(merge().copied_inodes, is_limited ? 1 : 0);
    EXPECT_EQ(read_file(tree("f")), "content");
}

TEST_F(WriteTree, LayerThatIsNotWhatItsIndexSaysIsAnError) {
    layer({dir("d"), file("d/f"), dir("outside"), file("outside/f", "secret")});
    const Fd root = *open_directory(layers_[0]);
    const auto index = index_tree(root.get(), OverlayXattrs::trusted);
    const auto attempt = [&]() -> Error {
        auto trees = *LayerTrees::open({root.get()});
        auto merge = *Merge::open({{&*index}, {}});
        make_tree(temp_.path(), {dir("tree")});
        const Fd output = *open_directory(tree());
        const auto written = write_tree(merge, trees, output.get(), {});
        EXPECT_FALSE(written);
        EXPECT_EQ(run({"rm", "-r", tree()}), 0);
        return written ? Error{} : written.error();
    };
    ASSERT_EQ(run({"rm", layers_[0] + "/d/f"}), 0);
    EXPECT_EQ(attempt().code, ErrorCode::not_found);
    EXPECT_THAT(attempt().message, HasSubstr("d/f"));
    ASSERT_EQ(run({"rm", "-r", layers_[0] + "/d"}), 0);
    ASSERT_EQ(::symlink("outside", (layers_[0] + "/d").c_str()), 0);
    EXPECT_THAT(attempt().message, HasSubstr("d/f"));
}

TEST_F(WriteTree, StopsWhenAsked) {
    layer({file("f")});
    const Fd root = *open_directory(layers_[0]);
    const auto index = index_tree(root.get(), OverlayXattrs::trusted);
    auto trees = *LayerTrees::open({root.get()});
    auto merge = *Merge::open({{&*index}, {}});
    make_tree(temp_.path(), {dir("tree")});
    const Fd output = *open_directory(tree());
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(write_tree(merge, trees, output.get(), {}, stop.get_token()).error().code,
              ErrorCode::canceled);
}

TEST_F(WriteTree, RedirectsAreRefused) {
    layer({dir("d").xattr("trusted.overlay.redirect", "/e")});
    const auto refused = flatten(layers_, {}, tree());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
}

} // namespace
} // namespace lamina::test
