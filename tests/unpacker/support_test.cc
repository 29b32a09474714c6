// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manifest.h"
#include "tests/support/process.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"

// The tools of the other tests are proven here against programs that are not ours.
namespace lamina::test {
namespace {

using testing::HasSubstr;

const Tree kTree = {
    dir("etc", 0700).mtime(1'500'000'000, 7),
    file("etc/hosts", "::1 localhost\n", 04755).owner(3'000'000, 4'000'000).mtime(1, 123'456'789),
    hard_link("etc/hosts", "etc/hosts.link").owner(5, 6),
    symlink("../hosts", "etc/link").owner(1, 2),
    fifo("pipe", 0622),
    char_device("null", 1, 3, 0666),
    block_device("disk", 259, 70'000),
    file(std::string(90, 'd') + "/" + std::string(120, 'f'), "far"),
};

TEST(TarBuilder, IsReadByGnuTarAsWritten) {
    if (!is_root() || !has_program("tar")) {
        GTEST_SKIP() << "needs root and GNU tar";
    }
    TempDir temp;
    write_file(temp / "a.tar", tar(kTree));
    make_tree(temp.path(), {dir("out")});
    ASSERT_EQ(run({"tar", "-C", temp / "out", "--numeric-owner", "-pxf", temp / "a.tar"}), 0);
    const std::string found = manifest(temp / "out");
    EXPECT_THAT(found, HasSubstr("etc dir 0700 0:0 mtime=1500000000.0"));
    EXPECT_THAT(found, HasSubstr("etc/hosts file 4755 3000000:4000000 size=14 sha256="));
    EXPECT_THAT(found, HasSubstr("etc/hosts.link hard_link 4755 3000000:4000000 link=etc/hosts"));
    EXPECT_THAT(found, HasSubstr("etc/link symlink 0777 1:2 target=../hosts"));
    EXPECT_THAT(found, HasSubstr("null char 0666 0:0 device=1:3"));
    EXPECT_THAT(found, HasSubstr("disk block 0600 0:0 device=259:70000"));
    EXPECT_THAT(found, HasSubstr("pipe fifo 0622"));
    EXPECT_EQ(read_file(temp.path() + "/out/" + kTree.back().name), "far");
}

TEST(TreeLiteral, ReadsBackAsItWasMade) {
    if (!is_root()) {
        GTEST_SKIP() << "needs root for owners and devices";
    }
    TempDir temp;
    make_tree(temp.path(), {dir("d", 0711).mtime(5), file("d/f", "x").xattr("user.k", "v"),
                            hard_link("d/f", "d/g").mode(0600)});
    const Tree read = read_tree(temp.path());
    ASSERT_EQ(read.size(), 3U);
    EXPECT_EQ(read[0].mtime_seconds, 5);
    EXPECT_EQ(read[0].permission_bits, 0711U);
    EXPECT_EQ(read[1].content, "x");
    EXPECT_EQ(read[1].xattrs.at("user.k"), "v");
    EXPECT_EQ(read[2].type, '1');
    EXPECT_EQ(read[2].link, "d/f");
}

TEST(Manifest, TellsEveryDifference) {
    TempDir temp;
    const auto shown = [&](const Tree& tree) {
        TempDir root;
        make_tree(root.path(), tree);
        return manifest(root.path());
    };
    const std::string base = shown({file("f", "x")});
    EXPECT_EQ(base, shown({file("f", "x")}));
    EXPECT_NE(base, shown({file("f", "y")}));
    EXPECT_NE(base, shown({file("f", "x", 0600)}));
    EXPECT_NE(base, shown({file("f", "x").mtime(1'600'000'000, 1)}));
    EXPECT_NE(base, shown({file("f", "x").xattr("user.a", "")}));
    EXPECT_NE(base, shown({file("g", "x")}));
    EXPECT_NE(base, shown({symlink("x", "f")}));
    EXPECT_NE(base, shown({}));
}

} // namespace
} // namespace lamina::test
