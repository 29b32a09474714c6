// SPDX-License-Identifier: Apache-2.0
// Archives that somebody made to do harm. ArchiveTest checks after each that nothing outside of
// the root changed and no descriptor is left.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/support/encoders.h"
#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

constexpr auto kInvalid = ErrorCode::invalid_argument;

class BadInput : public ArchiveTest {};
LAMINA_EVERY_WAY(BadInput);

std::string repeated(const std::string& part, size_t times) {
    std::string out;
    for (size_t i = 0; i < times; ++i) {
        out += part;
    }
    return out;
}

TEST_P(BadInput, CompressedStreamsThatEndEarlyOrAreCorrupt) {
    const std::string layer = tar({file("f", std::string(300'000, 'x')), file("g", "y")});
    for (const std::string& blob :
         {truncated(gzip(layer), 1), truncated(gzip(layer), 9), truncated(gzip(layer), 200),
          flipped(gzip(layer), -8), flipped(gzip(layer), -1), gzip(layer) + "garbage",
          truncated(zstd(layer), 1), truncated(zstd(layer), 20), flipped(zstd(layer), -1),
          zstd(layer) + "garbage", gzip(layer) + truncated(gzip("more"), 5)}) {
        must_fail(blob, ErrorCode::data_loss, "");
    }
}

// Our names do not end at a NUL, the kernel's do: it would see "..".
TEST_P(BadInput, NulInASparseFilesName) {
    const auto sparse = [](const std::string& name) {
        return pax_header(pax_record("GNU.sparse.major", "0") +
                          pax_record("GNU.sparse.minor", "1") +
                          pax_record("GNU.sparse.name", name) + pax_record("GNU.sparse.size", "1") +
                          pax_record("GNU.sparse.map", "0,1")) +
               tar_entry(file("harmless", "x"));
    };
    using namespace std::string_literals;
    for (const std::string& name : {"..\0/outside/escaped"s, "d/..\0/f"s, "f\0"s, "..\0x/y"s}) {
        must_fail(sparse(name) + zero_blocks(2), kInvalid, "NUL");
    }
}

TEST_P(BadInput, ManyDirectoriesStayWithinTheUsualLimitOfDescriptors) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit usual{1024, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    std::string layer;
    for (int i = 0; i < 3000; ++i) {
        layer += tar_body({file("d" + std::to_string(i) + "/f", "x")});
    }
    const auto result = unpack(layer);
    EXPECT_TRUE(result) << result.error().message;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(BadInput, OpaqueRootOverADeepTreeStaysWithinTheUsualLimitOfDescriptors) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit usual{1024, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    const auto result = unpack(tar({file(repeated("d/", 1500) + "f", "x"), opaque(".")}));
    EXPECT_TRUE(result) << result.error().message;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(BadInput, ManyXattrsOfOneHeaderTakeNoQuadraticTime) {
    std::string records;
    for (int i = 0; records.size() < 900'000; ++i) {
        records += pax_record("SCHILY.xattr.trusted.x" + std::to_string(i), "v");
    }
    std::string layer;
    for (int i = 0; i < 20; ++i) { // two minutes when every record is compared with every other
        layer += pax_header(records) + tar_body({file("f" + std::to_string(i), "x")});
    }
    const auto result = unpack(layer);
    EXPECT_TRUE(result) << result.error().message;
}

TEST_P(BadInput, EntriesUnderAFileOrALinkToOne) {
    must_fail(tar({file("f", "x"), file("f/below", "y")}), kInvalid, "f/below");
    must_fail(tar({file("g", "x"), symlink("g", "link"), file("link/below", "y")}), kInvalid,
              "link/below");
    must_fail(tar({char_device("c", 1, 3), dir("c/d/e")}), kInvalid, "c/d/e");
    must_fail(tar({fifo("p"), file("p/.wh.x")}), kInvalid, "p/.wh.x");
    must_fail(tar({file("h", "x"), hard_link("h/x", "dup")}), kInvalid, "dup");
}

TEST_P(BadInput, LoopsOfLinks) {
    must_fail(tar({symlink("a", "a"), file("a/f", "x")}), kInvalid, "a/f");
    must_fail(tar({symlink("c", "b"), symlink("b", "c"), file("b/f", "x")}), kInvalid, "b/f");
    must_fail(tar({symlink("d/d", "d"), file("d/f", "x")}), kInvalid, "d/f");
    must_fail(tar({symlink("e", "e"), hard_link("e/f", "dup")}), kInvalid, "dup");
}

TEST_P(BadInput, UpTo255LinksAreFollowed) {
    Tree tree = {dir("end")};
    for (int i = 254; i >= 0; --i) {
        const std::string target = i == 254 ? "end" : "l" + std::to_string(i + 1);
        tree.push_back(symlink(target, "l" + std::to_string(i)));
    }
    tree.push_back(file("l0/f", "x"));
    must_unpack(tree);
    EXPECT_EQ(read_file(at("end/f")), "x");
    must_fail(tar({symlink("l0", "over"), file("over/f", "x")}), kInvalid, "over/f");
}

TEST_P(BadInput, NamesOf255BytesWorkAndOf256DoNot) {
    must_unpack({file(std::string(255, 'n'), "x"), dir("d/" + std::string(255, 'm'))});
    EXPECT_EQ(read_file(at(std::string(255, 'n'))), "x");
    const std::string too_long(256, 'x');
    must_fail(tar({file(too_long, "x")}), kInvalid, too_long);
    must_fail(tar({file("a/" + too_long + "/b", "x")}), kInvalid, too_long);
    must_fail(tar({symlink("t", too_long)}), kInvalid, too_long);
}

TEST_P(BadInput, PathsOf4096BytesWorkAndLongerDoNot) {
    const std::string part = std::string(254, 'p') + "/";
    const std::string deep = repeated(part, 16); // 4080 bytes
    const auto result = unpack(tar({file(deep + std::string(15, 'f'), "x")}));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->usage.inodes, 18U); // the root, 16 directories, the file
    must_fail(tar({file(deep + std::string(17, 'f'), "x")}), kInvalid, deep.substr(0, 300));
    must_fail(tar({dir(repeated(part, 17))}), kInvalid, "");
}

TEST_P(BadInput, TenThousandDeep) {
    const auto deep = unpack(tar({dir(repeated("a/", 10'000))}));
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().code, kInvalid) << deep.error().message;
    must_unpack({file(repeated("d/", 2000) + "f", "x")});
    EXPECT_EQ(read_file(at(repeated("d/", 2000) + "f")), "x");
}

// Each entry is short, but the links take it ever deeper.
TEST_P(BadInput, PathsThatGrowThroughLinks) {
    const std::string part = repeated(std::string(200, 'p') + "/", 10); // 2010 bytes
    must_unpack({dir(part), symlink(part, "one")});
    must_fail(tar({symlink("/" + part + part, "two"), file("two/" + part + "f", "x")}), kInvalid,
              "two/");
}

TEST_P(BadInput, DotDotAfterAMissingDirectoryStaysInside) {
    must_unpack({file("missing/../../../../outside/etc/passwd", "in")});
    EXPECT_EQ(read_file(at("outside/etc/passwd")), "in");
}

TEST_P(BadInput, NamesThatAreTheRootAreIgnored) {
    must_unpack({file("", "x"), file(".", "x"), file("..", "x"), dir("/"), file("./.", "x"),
                 symlink("x", "/.."), fifo("a/.."), file("f", "y")});
    EXPECT_EQ(read_file(at("f")), "y");
    for (const Entry& entry : read_tree(root())) {
        EXPECT_TRUE(entry.name == "f" || entry.name == "a") << entry.name;
    }
}

TEST_P(BadInput, HardLinksWithoutATarget) {
    must_fail(tar({hard_link("missing", "dup")}), ErrorCode::not_found, "dup");
    must_fail(tar({hard_link("missing/deep/name", "dup")}), ErrorCode::not_found, "dup");
    EXPECT_FALSE(unpack(tar({hard_link("", "dup")})));
    EXPECT_FALSE(unpack(tar({dir("d"), hard_link("d", "dup")})));
    EXPECT_FALSE(exists(at("dup")));
}

TEST_P(BadInput, HardLinkThatReplacesTheDirectoryOfItsTarget) {
    EXPECT_FALSE(unpack(tar({dir("a"), file("a/f", "x"), hard_link("a/f", "a")})));
    EXPECT_FALSE(unpack(tar({dir("b/c"), file("b/c/f", "x"), hard_link("b/c/f", "b")})));
}

TEST_P(BadInput, HardLinkToItself) {
    EXPECT_FALSE(unpack(tar({file("f", "x"), hard_link("f", "f")})));
    EXPECT_FALSE(unpack(tar({hard_link("new", "new")})));
}

TEST_P(BadInput, SizeLargerThanTheArchive) {
    must_fail(tar({file("f", "x").claimed_size(1'000'000'000)}), ErrorCode::data_loss, "");
    must_fail(tar({file("f", "x").gnu().claimed_size(int64_t{1} << 60)}), ErrorCode::data_loss, "");
}

TEST_P(BadInput, ManyBadEntriesInARow) {
    for (int i = 0; i < 20; ++i) {
        must_fail(tar({dir("d"), file("d/f" + std::to_string(i), std::string(10'000, 'x')),
                       file("d/f0/below", "y"), file("d/never", "z")}),
                  kInvalid, "d/f0/below");
    }
    EXPECT_FALSE(exists(at("d/never")));
}

TEST_P(BadInput, WritersThatFailDoNotHang) {
    Tree tree;
    for (int i = 0; i < 300; ++i) {
        tree.push_back(file("d" + std::to_string(i % 7) + "/f", std::string(100'000, 'x'))
                           .xattr("user." + std::string(300, 'n'), "v"));
    }
    EXPECT_FALSE(unpack(tar(tree)));
}

} // namespace
} // namespace lamina::test
