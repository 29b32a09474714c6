// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"

namespace lamina::test {
namespace {

using testing::ElementsAre;

const char* name_of(NodeType type) {
    constexpr const char* kNames[] = {"file",  "dir",  "symlink", "char",
                                      "block", "fifo", "socket",  "whiteout"};
    return kNames[static_cast<size_t>(type)];
}

// "dir a", and what is worth a word about it.
std::string shown(const IndexEntry& entry) {
    std::string text = fmt::format("{} {}", name_of(entry.type), entry.path);
    text += entry.link_group != 0 ? fmt::format(" group={}", entry.link_group) : "";
    text += entry.is_opaque ? " opaque" : "";
    text += entry.has_overlay_marks ? " marks" : "";
    text += entry.is_redirected ? " redirected" : "";
    text += entry.xattrs ? " xattrs" : "";
    return text;
}

class IndexTree : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: trusted xattrs, devices, owners";
        }
    }

    std::vector<IndexEntry> entries(const Tree& tree, OverlayXattrs form = OverlayXattrs::trusted) {
        make_tree(dir_.path(), tree);
        const Fd root = *open_directory(dir_.path());
        const auto index = index_tree(root.get(), form);
        EXPECT_TRUE(index) << index.error().message;
        std::vector<IndexEntry> found;
        IndexReader reader(*index);
        while (const IndexEntry* const entry = reader.next()) {
            found.push_back(*entry);
        }
        return found;
    }

    std::vector<std::string> lines(const Tree& tree, OverlayXattrs form = OverlayXattrs::trusted) {
        std::vector<std::string> found;
        for (const IndexEntry& entry : entries(tree, form)) {
            found.push_back(shown(entry));
        }
        return found;
    }

    TempDir dir_;
};

TEST_F(IndexTree, ToldByNameTypeAndMarks) {
    EXPECT_THAT(
        lines({dir("d"), file("d/f"), symlink("d", "l"), fifo("p"), char_device("c", 1, 3),
               block_device("b", 7, 0), char_device("gone", 0, 0),
               dir("o").xattr("trusted.overlay.opaque", "y"), file("x").xattr("user.k", "v")}),
        ElementsAre("dir ", "block b", "char c", "dir d", "file d/f", "whiteout gone", "symlink l",
                    "dir o opaque", "fifo p", "file x xattrs"));
}

TEST_F(IndexTree, ValuesAreThoseOfTheInode) {
    const auto found = entries({file("f", "12345", 04755).owner(7, 8).mtime(-3, 5),
                                symlink("to/there", "l"), char_device("c", 5, 1)});
    ASSERT_EQ(found.size(), 4);
    EXPECT_EQ(found[1].device, makedev(5, 1));
    EXPECT_EQ(found[2].size_bytes, 5);
    EXPECT_EQ(found[2].mode, 04755);
    EXPECT_EQ(found[2].uid, 7);
    EXPECT_EQ(found[2].gid, 8);
    EXPECT_EQ(found[2].modify_time.tv_sec, -3);
    EXPECT_EQ(found[2].modify_time.tv_nsec, 5);
    EXPECT_EQ(found[3].target, "to/there");
    EXPECT_EQ(found[3].size_bytes, 0);
}

TEST_F(IndexTree, XattrsHaveOneDigestThatMarksDoNotChange) {
    const auto found = entries({file("a").xattr("user.k", "v"), file("b").xattr("user.k", "v2"),
                                file("c").xattr("user.kv", ""),
                                file("d").xattr("user.k", "v").xattr("trusted.overlay.origin", "o"),
                                file("e").xattr("trusted.overlay.overlay.origin", "o")});
    ASSERT_EQ(found.size(), 6);
    EXPECT_EQ(found[1].xattrs, found[4].xattrs);
    EXPECT_NE(found[1].xattrs, found[2].xattrs);
    EXPECT_NE(found[1].xattrs, found[3].xattrs);
    EXPECT_TRUE(found[4].has_overlay_marks);
    EXPECT_TRUE(found[5].xattrs); // content: the mark of an overlay within
    EXPECT_FALSE(found[5].has_overlay_marks);
}

TEST_F(IndexTree, NamesOfOneInodeAreAGroupNamesElsewhereAreNot) {
    const TempDir other;
    make_tree(dir_.path(), {file("a"), hard_link("a", "b"), file("alone"), char_device("w1", 0, 0),
                            hard_link("w1", "w2")});
    ASSERT_EQ(::link((dir_ / "alone").c_str(), (other / "alone").c_str()), 0);
    EXPECT_THAT(lines({}), ElementsAre("dir ", "file a group=1", "file alone", "file b group=1",
                                       "whiteout w1", "whiteout w2"));
}

TEST_F(IndexTree, WhiteoutsMayBeXattrs) {
    EXPECT_THAT(
        lines({dir("x").xattr("trusted.overlay.opaque", "x"),
               file("x/gone").xattr("trusted.overlay.whiteout", ""),
               file("x/full", "content").xattr("trusted.overlay.whiteout", ""), file("x/plain"),
               dir("y"), file("y/file").xattr("trusted.overlay.whiteout", "")}),
        ElementsAre("dir ", "dir x", "file x/full marks", "whiteout x/gone marks", "file x/plain",
                    "dir y", "file y/file marks"));
}

TEST_F(IndexTree, RedirectsAndMetacopiesAreNoted) {
    EXPECT_THAT(lines({dir("r").xattr("trusted.overlay.redirect", "/elsewhere"),
                       file("m").xattr("trusted.overlay.metacopy", "")}),
                ElementsAre("dir ", "file m marks redirected", "dir r redirected"));
}

TEST_F(IndexTree, MarksOfTheOtherFormAreContent) {
    const Tree tree = {dir("t").xattr("trusted.overlay.opaque", "y"),
                       dir("u").xattr("user.overlay.opaque", "y")};
    EXPECT_THAT(lines(tree), ElementsAre("dir ", "dir t opaque", "dir u xattrs"));
    EXPECT_THAT(lines({}, OverlayXattrs::user),
                ElementsAre("dir ", "dir t xattrs", "dir u opaque"));
}

TEST_F(IndexTree, TheRootIsNeverOpaque) {
    ASSERT_EQ(::setxattr(dir_.path().c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    EXPECT_THAT(lines({}), ElementsAre("dir "));
}

TEST_F(IndexTree, SocketsAreEntries) {
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir_ / "s";
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_THAT(lines({}), ElementsAre("dir ", "socket s"));
}

TEST_F(IndexTree, DeepTreesEndAtTheLongestPath) {
    Fd at = *open_directory(dir_.path());
    const std::string name(255, 'd');
    for (int i = 0; i < 17; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
        at = *open_directory_at(at.get(), name);
    }
    const Fd root = *open_directory(dir_.path());
    const auto index = index_tree(root.get(), OverlayXattrs::trusted);
    ASSERT_FALSE(index);
    EXPECT_EQ(index.error().code, ErrorCode::failed_precondition);
}

TEST_F(IndexTree, StopsWhenAsked) {
    make_tree(dir_.path(), {file("f")});
    std::stop_source stop;
    stop.request_stop();
    const Fd root = *open_directory(dir_.path());
    EXPECT_EQ(index_tree(root.get(), OverlayXattrs::trusted, stop.get_token()).error().code,
              ErrorCode::canceled);
}

} // namespace
} // namespace lamina::test
