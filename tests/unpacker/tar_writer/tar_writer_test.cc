// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "tests/support/manifest.h"
#include "tests/support/memory_blob.h"
#include "tests/support/memory_sink.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/pipeline/layer_unpacker.h"
#include "unpacker/tar/reader.h"
#include "unpacker/tar_writer/tar_writer.h"

namespace lamina {
namespace {

using namespace test;
using TreeEntry = test::Entry; // of a tree literal
using lamina::Entry;           // of an archive

Entry entry(EntryType type, std::string name, uint32_t mode = 0644) {
    Entry out;
    out.type = type;
    out.name = std::move(name);
    out.mode = mode;
    return out;
}

EntryType type_of(const TreeEntry& from) {
    switch (static_cast<TreeEntry::Type>(from.type)) {
    case TreeEntry::Type::hard_link:
        return EntryType::hard_link;
    case TreeEntry::Type::symlink:
        return EntryType::symlink;
    case TreeEntry::Type::char_device:
        return EntryType::character_device;
    case TreeEntry::Type::block_device:
        return EntryType::block_device;
    case TreeEntry::Type::dir:
        return EntryType::directory;
    case TreeEntry::Type::fifo:
        return EntryType::fifo;
    default:
        return EntryType::file;
    }
}

Entry archive_entry_of(const TreeEntry& from) {
    Entry out = entry(type_of(from), from.name, from.permission_bits);
    out.link_name = from.link;
    out.size_bytes = from.content.size();
    out.uid = static_cast<uint64_t>(from.uid);
    out.gid = static_cast<uint64_t>(from.gid);
    out.device =
        makedev(static_cast<unsigned>(from.device_major), static_cast<unsigned>(from.device_minor));
    out.modify_time = {from.mtime_seconds, static_cast<long>(from.mtime_nanoseconds)};
    out.xattrs = {from.xattrs.begin(), from.xattrs.end()};
    return out;
}

void add(TarWriter& writer, const Entry& what, const std::string& content = {}) {
    Entry sized = what;
    sized.size_bytes = content.size();
    const auto added = writer.add(sized);
    ASSERT_TRUE(added) << added.error().message;
    const auto written = writer.write(std::as_bytes(std::span(content)));
    ASSERT_TRUE(written) << written.error().message;
}

// An archive of one call of `fill`.
std::string archive(const std::function<void(TarWriter&)>& fill, TarWriterOptions options = {}) {
    MemorySink sink;
    TarWriter writer(sink, options);
    fill(writer);
    const auto finished = writer.finish();
    EXPECT_TRUE(finished) << finished.error().message;
    return sink.bytes();
}

std::string archive_of_tree(const std::string& root, TarWriterOptions options = {}) {
    return archive(
        [&](TarWriter& writer) {
            walk_tree(root, [&](const TreeEntry& object) {
                add(writer, archive_entry_of(object), object.content);
            });
        },
        options);
}

TarReader reader_of(const std::string& bytes) {
    return TarReader([bytes, is_read = false]() mutable -> std::optional<Slice> {
        return std::exchange(is_read, true)
                   ? std::nullopt
                   : std::optional(copy_to_slice(std::as_bytes(std::span(bytes))));
    });
}

std::vector<Entry> entries_of(const std::string& bytes) {
    TarReader reader = reader_of(bytes);
    std::vector<Entry> out;
    while (true) {
        auto next = reader.next_entry();
        EXPECT_TRUE(next) << next.error().message;
        if (!next || !*next) {
            return out;
        }
        out.push_back(**std::move(next));
    }
}

std::string names_of(const std::string& bytes) {
    std::string names;
    for (const Entry& read : entries_of(bytes)) {
        names += (names.empty() ? "" : " ") + read.name;
    }
    return names;
}

// Everything a layer can hold and a filesystem too.
const Tree& hard_tree() {
    static const std::string deep(120, 'd');
    static const std::string capability("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    static const Tree tree = {
        dir("a", 0750).owner(1, 2).mtime(1'500'000'000, 1),
        file("a/plain", "content").mtime(1'500'000'001, 123'456'789),
        file("a/empty").mtime(0),
        file("a/suid", "x", 04755).owner(3'000'000, 4'000'000'000),
        file("a/binary.xattr", "x")
            .xattr("security.capability", capability)
            .xattr("user.bytes", std::string("\0=\n\xff", 4))
            .xattr("user.long", std::string(2000, 'x')),
        file("a/caf\xc3\xa9", "utf-8"),
        file("a/\xff\xfe not utf-8", "raw"),
        file("a/new\nline", "n"),
        file("a/foo.wh.bar", "no whiteout"),
        file("a/trailing.", "t"),
        hard_link("a/plain", "a/z-link-1"),
        hard_link("a/plain", "a/z-link-2"),
        symlink(std::string(300, 's'), "a/symlink"),
        symlink("\xff\xfe", "a/symlink-to-bytes").owner(5, 6),
        fifo("a/fifo", 0600),
        char_device("a/null", 1, 3),
        block_device("a/disk", 259, 1'000'000),
        dir(deep),
        dir(deep + "/" + deep),
        file(deep + "/" + deep + "/" + std::string(250, 'f'), "deep")
            .mtime(1'700'000'000, 999'999'999),
        dir("sticky", 01777).xattr("user.on.dir", "v"),
    };
    return tree;
}

class TarOfTree : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: sets owners and makes devices";
        }
        make_tree(temp_.path(), {dir("tree"), dir("out")});
        make_tree(temp_ / "tree", hard_tree());
        write_file(temp_ / "archive.tar", archive_of_tree(temp_ / "tree"));
    }

    void expect_out_equals_tree() { EXPECT_EQ(manifest(temp_ / "out"), manifest(temp_ / "tree")); }

    TempDir temp_;
};

TEST_F(TarOfTree, UnpacksToTheSameTree) {
    MemoryBlob blob(read_file(temp_ / "archive.tar"));
    UnpackTarget target;
    target.root = temp_ / "out";
    const auto report = unpack_layer(blob, Encoding::plain, target, {}, {});
    ASSERT_TRUE(report) << report.error().message;
    expect_out_equals_tree();
}

TEST_F(TarOfTree, GnuTarExtractsTheSameTree) {
    ASSERT_EQ(run({"tar", "--extract", "--file", temp_ / "archive.tar", "--directory",
                   temp_ / "out", "--preserve-permissions", "--same-owner", "--numeric-owner",
                   "--xattrs", "--xattrs-include=*"}),
              0);
    expect_out_equals_tree();
}

TEST_F(TarOfTree, BsdtarExtractsTheSameTree) {
    ASSERT_TRUE(has_program("bsdtar"));
    ASSERT_EQ(run({"bsdtar", "-x", "-p", "--numeric-owner", "-f", temp_ / "archive.tar", "-C",
                   temp_ / "out"}),
              0);
    expect_out_equals_tree();
}

TEST_F(TarOfTree, BytesDependOnNothingButTheEntries) {
    const std::string before = read_file(temp_ / "archive.tar");
    ASSERT_NE(std::setlocale(LC_ALL, "C.UTF-8"), nullptr);
    setenv("TZ", "Asia/Tokyo", 1);
    const std::string again = archive_of_tree(temp_ / "tree");
    std::setlocale(LC_ALL, "C");
    unsetenv("TZ");
    EXPECT_TRUE(again == before);
    EXPECT_EQ(again.find("root"), std::string::npos); // no names of users or groups
}

TEST_F(TarOfTree, SourceDateEpochBoundsTimes) {
    const std::string bytes = archive_of_tree(temp_ / "tree", {.mtime_max = 1'500'000'001});
    for (const Entry& read : entries_of(bytes)) {
        if (read.name == "a/") {
            EXPECT_EQ(read.modify_time.tv_sec, 1'500'000'000);
            EXPECT_EQ(read.modify_time.tv_nsec, 1);
        } else if (read.name != "a/empty") {
            EXPECT_EQ(read.modify_time.tv_sec, 1'500'000'001) << read.name;
            EXPECT_EQ(read.modify_time.tv_nsec, 0) << read.name;
        }
    }
}

TEST(TarWriter, FirstNameOfAnInodeHasTheContent) {
    const auto bytes = archive([](TarWriter& writer) {
        add(writer, entry(EntryType::file, "first"), "content");
        Entry link = entry(EntryType::hard_link, "second");
        link.link_name = "first";
        link.xattrs = {{"user.k", "v"}};
        add(writer, link);
    });
    const auto read = entries_of(bytes);
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[0].size_bytes, 7U);
    EXPECT_EQ(read[1].type, EntryType::hard_link);
    EXPECT_EQ(read[1].link_name, "first");
    EXPECT_EQ(read[1].xattrs, (Xattrs{{"user.k", "v"}}));
}

TEST(TarWriter, MarkersAreWhiteoutsOfTheImageSpecification) {
    const auto bytes = archive([](TarWriter& writer) {
        ASSERT_TRUE(writer.add_opaque(""));
        ASSERT_TRUE(writer.add_whiteout("top"));
        ASSERT_TRUE(writer.add_opaque("dir/sub"));
        ASSERT_TRUE(writer.add_whiteout("dir/sub/name"));
        ASSERT_TRUE(writer.add_whiteout(std::string(200, 'd') + "/" + std::string(255, 'n')));
    });
    EXPECT_EQ(names_of(bytes), ".wh..wh..opq .wh.top dir/sub/.wh..wh..opq dir/sub/.wh.name " +
                                   std::string(200, 'd') + "/.wh." + std::string(255, 'n'));
    for (const Entry& read : entries_of(bytes)) {
        EXPECT_EQ(read.type, EntryType::file);
        EXPECT_EQ(read.size_bytes, 0U);
        EXPECT_EQ(read.modify_time.tv_sec, 0);
    }
}

TEST(TarWriter, RootIsAnEntryOfItsOwn) {
    const auto read = entries_of(archive([](TarWriter& writer) {
        Entry root = entry(EntryType::directory, ".", 0700);
        root.uid = 7;
        ASSERT_TRUE(writer.add(root));
    }));
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0].name, "./");
    EXPECT_EQ(read[0].type, EntryType::directory);
    EXPECT_EQ(read[0].mode, 0700U);
    EXPECT_EQ(read[0].uid, 7U);
}

TEST(TarWriter, PlainEntryIsOneHeader) {
    Entry file = entry(EntryType::file, "file");
    file.modify_time = {1'500'000'000, 0};
    const auto bytes = archive([&](TarWriter& writer) { add(writer, file, "content"); });
    EXPECT_EQ(bytes.size(), 512U + 512U + 1024U);
}

TEST(TarWriter, EmptyArchiveIsTwoZeroBlocks) {
    EXPECT_EQ(archive([](TarWriter&) {}), std::string(1024, '\0'));
}

TEST(TarWriter, TimesBefore1970BecomeThatMoment) {
    Entry old = entry(EntryType::file, "old");
    old.modify_time = {-1, 500'000'000};
    const auto read = entries_of(archive([&](TarWriter& writer) { add(writer, old); }));
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0].modify_time.tv_sec, 0);
    EXPECT_EQ(read[0].modify_time.tv_nsec, 0);
}

TEST(TarWriter, SizesBeyondUstarAreKept) {
    MemorySink sink;
    TarWriter writer(sink);
    Entry large = entry(EntryType::file, "large");
    large.size_bytes = uint64_t{20} << 30;
    ASSERT_TRUE(writer.add(large));
    TarReader reader = reader_of(sink.bytes());
    const auto read = reader.next_entry();
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->size_bytes, uint64_t{20} << 30);
}

TEST(TarWriter, RefusesWhatWouldBeReadAsSomethingElse) {
    MemorySink sink;
    TarWriter writer(sink);
    const auto whiteout = writer.add(entry(EntryType::file, "dir/.wh.name"));
    ASSERT_FALSE(whiteout);
    EXPECT_EQ(whiteout.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(whiteout.error().message, testing::HasSubstr("dir/.wh.name"));

    Entry strange = entry(EntryType::file, "file");
    for (const char* name : {"user.a=b", "user.a b", "user.%", "user.\xc3\xa4"}) {
        strange.xattrs = {{name, "c"}};
        const auto xattr = writer.add(strange);
        ASSERT_FALSE(xattr) << name;
        EXPECT_EQ(xattr.error().code, ErrorCode::invalid_argument);
    }
}

TEST(TarWriter, ErrorOfTheSinkIsPassedOn) {
    FullSink sink(1000);
    TarWriter writer(sink);
    Entry file = entry(EntryType::file, "file");
    file.size_bytes = 10'000'000;
    ASSERT_TRUE(writer.add(file));
    const auto written = writer.write(std::vector<std::byte>(file.size_bytes));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::resource_exhausted);
}

} // namespace
} // namespace lamina
