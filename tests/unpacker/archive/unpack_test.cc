// SPDX-License-Identifier: Apache-2.0
// Whole archives, most of them by programs that are not ours.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

// Complete (no implied directories), within what every format and program can hold.
const Tree kBase = {
    dir("bin", 0755),
    file("bin/tool", std::string(70'000, 't'), 0755),
    hard_link("bin/tool", "bin/tool2").mode(0755),
    symlink("../bin/tool", "bin/link"),
    symlink("/absolute/dangling", "bin/dangling"),
    dir("etc", 0751).owner(7, 8),
    file("etc/empty", "", 0600).owner(1, 2),
    file("etc/setuid", "x", 04755),
    file("etc/name with blanks and \xc3\xbc\xff", "x"),
    dir("etc/" + std::string(60, 'd')),
    file("etc/" + std::string(60, 'd') + "/" + std::string(70, 'f'), "y"),
    dir("empty", 01777),
    fifo("pipe"),
    char_device("null", 1, 3, 0666),
    block_device("disk", 8, 1),
};

// Two pieces of data, a hole before the second and one at the end.
void write_sparse_file(const std::string& path) {
    write_file(path, std::string(5000, 'a'));
    std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(400'000);
    out << std::string(5000, 'b');
    out.close();
    std::filesystem::resize_file(path, 900'000);
}

class Unpack : public ArchiveTest {
  protected:
    std::string archive_by(std::vector<std::string> command) {
        make_tree(temp_.path(), {dir("source")});
        make_tree(temp_ / "source", kBase);
        const std::string archive = temp_ / "by-others.tar";
        for (const char* argument : {"-C", "SOURCE", "-cf", "ARCHIVE", "."}) {
            command.emplace_back(argument == std::string("SOURCE")    ? temp_ / "source"
                                 : argument == std::string("ARCHIVE") ? archive
                                                                      : argument);
        }
        EXPECT_EQ(run(command), 0);
        return read_file(archive);
    }

    void start_again() {
        std::filesystem::remove_all(root());
        std::filesystem::remove_all(temp_ / "source");
        make_tree(temp_.path(), {dir("root")});
    }

    void TearDown() override {
        for (const char* name : {"source", "by-others.tar", "oracle"}) {
            std::filesystem::remove_all(temp_ / name);
        }
        ArchiveTest::TearDown();
    }
};
LAMINA_EVERY_WAY(Unpack);

// containerd's TestUnpack: what GNU tar packs comes out as it was.
// More than one writer is given, so the others help it out.
TEST_P(Unpack, LargeDirectoryIsCompleteWhoeverMakesItsFiles) {
    Tree entries = {dir("d", 0755)};
    for (int i = 0; i < 2000; ++i) {
        entries.push_back(file("d/" + std::to_string(i), std::to_string(i)));
        if (i % 500 == 250) { // in several blocks
            entries.push_back(file("d/large" + std::to_string(i), std::string(3'000'000, 'l')));
        }
    }
    must_unpack(entries);
    expect_root_holds(entries);
}

TEST_P(Unpack, TestUnpack) {
    if (!has_program("tar")) {
        GTEST_SKIP() << "needs GNU tar";
    }
    for (const char* format : {"gnu", "posix", "ustar", "oldgnu"}) {
        SCOPED_TRACE(format);
        const auto result =
            unpack(archive_by({"tar", "--numeric-owner", std::string("--format=") + format}));
        ASSERT_TRUE(result) << result.error().message;
        const bool has_nanoseconds = format == std::string("posix");
        EXPECT_EQ(
            manifest_of_root(has_nanoseconds ? ManifestTimes::all : ManifestTimes::none),
            manifest(temp_ / "source", has_nanoseconds ? ManifestTimes::all : ManifestTimes::none));
        start_again();
    }
}

TEST_P(Unpack, BsdtarArchivesComeOutAsTheyWere) {
    if (!has_program("bsdtar")) {
        GTEST_SKIP() << "needs bsdtar";
    }
    for (const char* format : {"pax", "gnutar", "ustar"}) {
        SCOPED_TRACE(format);
        const auto result =
            unpack(archive_by({"bsdtar", "--numeric-owner", std::string("--format=") + format}));
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(manifest_of_root(), manifest(temp_ / "source", ManifestTimes::none));
        start_again();
    }
}

// The oracles and lamina extract the same archive.
TEST_P(Unpack, GnuTarAndBsdtarExtractTheSameTree) {
    if (!has_program("tar") || !has_program("bsdtar")) {
        GTEST_SKIP() << "needs GNU tar and bsdtar";
    }
    Tree tree = kBase;
    tree.push_back(file("xattrs", "x").xattr("user.key", "v").mtime(1'500'000'000, 123'456'789));
    // The two do not agree on the times of directories that are named twice or written to later.
    tree.push_back(file("xattrs", "rewritten").owner(4, 4));
    ASSERT_TRUE(unpack(tar(tree)));
    write_file(temp_ / "by-others.tar", tar(tree));
    const std::vector<std::vector<std::string>> oracles = {
        {"tar", "--xattrs", "--xattrs-include=*", "--numeric-owner"},
        {"bsdtar", "--numeric-owner"}};
    for (std::vector<std::string> command : oracles) {
        SCOPED_TRACE(command.front());
        make_tree(temp_.path(), {dir("oracle")});
        for (const std::string& argument :
             {std::string("-C"), temp_ / "oracle", std::string("-xpf"), temp_ / "by-others.tar"}) {
            command.push_back(argument);
        }
        ASSERT_EQ(run(command), 0);
        EXPECT_EQ(manifest_of_root(ManifestTimes::all), manifest(temp_ / "oracle"));
        std::filesystem::remove_all(temp_ / "oracle");
    }
}

TEST_P(Unpack, GnuTarSparseFilesOfEveryPaxVersion) {
    if (!has_program("tar")) {
        GTEST_SKIP() << "needs GNU tar";
    }
    for (const char* version : {"0.0", "0.1", "1.0"}) {
        SCOPED_TRACE(version);
        make_tree(temp_.path(), {dir("source")});
        write_sparse_file(temp_ / "source/sparse");
        write_sparse_file(temp_ / "source/hole");
        std::filesystem::resize_file(temp_ / "source/hole", 0);
        std::filesystem::resize_file(temp_ / "source/hole", 1 << 20);
        ASSERT_EQ(run({"tar", "--sparse", "--hole-detection=raw", "--format=posix",
                       std::string("--sparse-version=") + version, "-C", temp_ / "source", "-cf",
                       temp_ / "by-others.tar", "."}),
                  0);
        const std::string archive = read_file(temp_ / "by-others.tar");
        ASSERT_LT(archive.size(), 100'000U);
        const auto result = unpack(archive);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(manifest_of_root(ManifestTimes::all), manifest(temp_ / "source"));
        start_again();
    }
}

// containerd's TestApplyTar.
TEST_P(Unpack, DirectoryCreation) {
    must_unpack({file("a/b/c/f", "x"), symlink("f", "d/e/link"), dir("g/h", 0700),
                 hard_link("a/b/c/f", "i/j/f")});
    expect_root_holds({dir("a"), dir("a/b"), dir("a/b/c"), file("a/b/c/f", "x"), dir("d"),
                       dir("d/e"), symlink("f", "d/e/link"), dir("g"), dir("g/h", 0700), dir("i"),
                       dir("i/j"), hard_link("a/b/c/f", "i/j/f")});
}

// containerd's TestRelativeSymlinks and TestSymlinks: links that lead anywhere stay as they are.
TEST_P(Unpack, LinksAreKeptAsTheyAreWritten) {
    const Tree tree = {symlink("../../outside", "up"),
                       symlink("/outside/../x", "absolute"),
                       symlink(".", "self"),
                       symlink("loop2", "loop1"),
                       symlink("loop1", "loop2"),
                       dir("d"),
                       symlink("../d/../../etc//passwd", "d/odd"),
                       symlink(std::string(3000, 'l'), "long")};
    must_unpack(tree);
    EXPECT_EQ(read_entry(at("up"), "up").link, "../../outside");
    EXPECT_EQ(read_entry(at("absolute"), "absolute").link, "/outside/../x");
    EXPECT_EQ(read_entry(at("d/odd"), "d/odd").link, "../d/../../etc//passwd");
    EXPECT_EQ(read_entry(at("long"), "long").link.size(), 3000U);
    EXPECT_EQ(read_entry(at("loop1"), "loop1").link, "loop2");
}

TEST_P(Unpack, EachTypeReplacesEachOther) {
    const auto of_type = [](char type) {
        switch (type) {
        case '0':
            return file("x", "content");
        case '1':
            return hard_link("other", "x");
        case '2':
            return symlink("other", "x");
        case '3':
            return char_device("x", 1, 3);
        case '5':
            return dir("x");
        default:
            return fifo("x");
        }
    };
    for (const char first : std::string("012356")) {
        for (const char second : std::string("012356")) {
            SCOPED_TRACE(first);
            SCOPED_TRACE(second);
            must_unpack({file("other", "o"), of_type(first), of_type(second)});
            const char expected = second == '1' ? '0' : second;
            EXPECT_EQ(read_entry(at("x"), "x").type, expected);
            EXPECT_EQ(read_file(at("other")), "o");
        }
    }
}

TEST_P(Unpack, ReplacesTheTreeOfAnEarlierLayer) {
    make_tree(root(), {dir("d"), file("d/f", "old"), dir("e"), file("e/g", "old"), file("f", "old"),
                       hard_link("f", "f2")});
    must_unpack({file("d", "now a file"), symlink("/", "e"), file("f", "new")});
    expect_root_holds(
        {file("d", "now a file"), symlink("/", "e"), file("f", "new"), file("f2", "old")});
}

TEST_P(Unpack, ManyFilesInManyDirectories) {
    Tree tree;
    for (int i = 0; i < 40; ++i) {
        const std::string directory = "d" + std::to_string(i);
        tree.push_back(dir(directory, 0700).mtime(1000 + i));
        for (int j = 0; j < 25; ++j) {
            const auto size = static_cast<size_t>(i * j * 37 % 9000);
            tree.push_back(file(directory + "/f" + std::to_string(j), std::string(size, 'x')));
        }
    }
    must_unpack(tree);
    TempDir expected;
    make_tree(expected.path(), {dir("root")});
    make_tree(expected / "root", tree);
    EXPECT_EQ(manifest_of_root(ManifestTimes::all), manifest(expected / "root"));
}

TEST_P(Unpack, LargeFilesBesideSmallOnes) {
    std::string large(9'000'001, '\0');
    for (size_t i = 0; i < large.size(); ++i) {
        large[i] = static_cast<char>(i * 2'654'435'761U >> 13);
    }
    const Tree tree = {file("a", "1"), file("large", large), file("b", "2"),
                       file("large2", large.substr(0, 5'000'000)), file("c", "3")};
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(Unpack, FileRewrittenManyTimesHasItsLastContent) {
    Tree tree;
    for (int i = 0; i < 60; ++i) {
        tree.push_back(file("f", "version " + std::to_string(i)));
        tree.push_back(file("d/" + std::to_string(i % 3),
                            std::string(20'000, static_cast<char>('a' + i % 26))));
    }
    must_unpack(tree);
    EXPECT_EQ(read_file(at("f")), "version 59");
    EXPECT_EQ(read_file(at("d/0")), std::string(20'000, 'a' + 57 % 26));
    EXPECT_EQ(read_file(at("d/2")), std::string(20'000, 'a' + 59 % 26));
}

TEST_P(Unpack, EmptyArchiveIsAnEmptyLayer) {
    must_unpack({});
    expect_root_holds({});
}

TEST_P(Unpack, RootMustBeADirectoryThatExists) {
    UnpackTarget target;
    target.root = temp_ / "missing";
    EXPECT_FALSE(unpack_to(target, tar({})));
    target.root = outside() + "/etc/passwd";
    EXPECT_FALSE(unpack_to(target, tar({})));
}

} // namespace
} // namespace lamina::test
