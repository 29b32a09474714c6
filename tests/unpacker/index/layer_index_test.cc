// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/sysmacros.h>

#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/entry_codec.h"
#include "unpacker/index/index_builder.h"
#include "unpacker/index/index_header.h"
#include "unpacker/index/index_writer.h"
#include "unpacker/index/layer_index.h"

namespace lamina {
namespace {

using testing::ElementsAre;

std::string shown(const std::optional<Sha256Hash>& hash) {
    return hash ? Digest::from_sha256(*hash).text() : "none";
}

std::string shown(const IndexEntry& entry) {
    return fmt::format("{} {} {} {:o} {}:{} {}.{} {} {} {} {} {} {} {} {}", entry.path,
                       static_cast<int>(entry.type), entry.size_bytes, entry.mode, entry.uid,
                       entry.gid, entry.modify_time.tv_sec, entry.modify_time.tv_nsec, entry.device,
                       entry.target, entry.link_group, entry.is_opaque, entry.has_overlay_marks,
                       entry.is_redirected, shown(entry.xattrs), shown(entry.content));
}

std::vector<std::string> shown(const LayerIndex& index) {
    std::vector<std::string> lines;
    IndexReader reader(index);
    while (const IndexEntry* const entry = reader.next()) {
        lines.push_back(shown(*entry));
    }
    return lines;
}

std::vector<std::string> paths(const LayerIndex& index) {
    std::vector<std::string> found;
    IndexReader reader(index);
    while (const IndexEntry* const entry = reader.next()) {
        found.push_back(entry->path);
    }
    return found;
}

IndexEntry node(std::string path, NodeType type = NodeType::file) {
    IndexEntry entry;
    entry.path = std::move(path);
    entry.type = type;
    return entry;
}

Sha256Hash hash_of(int seed) {
    Sha256Hash hash{};
    hash.fill(static_cast<std::byte>(seed));
    return hash;
}

// One of everything, and values at the ends of their ranges.
std::vector<IndexEntry> examples() {
    std::vector<IndexEntry> entries{node("", NodeType::directory)};
    const auto add = [&](std::string path, NodeType type = NodeType::file) -> IndexEntry& {
        return entries.emplace_back(node(std::move(path), type));
    };
    add("block", NodeType::block_device).device = makedev(0xfff, 0xfffff);
    add("char", NodeType::character_device).device = makedev(1, 3);
    add("dir", NodeType::directory).is_opaque = true;
    add("dir/" + std::string(255, 'n')).size_bytes = UINT64_MAX;
    add("dir/\xff\n", NodeType::fifo).modify_time = {-5, 999'999'999};
    add("dir-x", NodeType::socket).modify_time = {INT64_MAX, 0};
    add("link1").link_group = 1;
    add("link2").link_group = 1;
    add("owned").uid = UINT32_MAX;
    entries.back().gid = 7;
    entries.back().mode = 07777;
    add("owned2").modify_time = {INT64_MIN, 1};
    add("symlink", NodeType::symlink).target = std::string(300, '/');
    add("whiteout", NodeType::whiteout);
    add("x1").xattrs = hash_of(1);
    add("x2").xattrs = hash_of(2);
    add("x3").xattrs = hash_of(1);
    entries.back().content = hash_of(3);
    add("x4").has_overlay_marks = true;
    add("x5").is_redirected = true;
    return entries;
}

Result<LayerIndex> index_of(const std::vector<IndexEntry>& entries) {
    IndexBuilder builder;
    for (const IndexEntry& entry : entries) {
        builder.add(entry);
    }
    return builder.build();
}

TEST(LayerIndex, GivesBackWhatItWasGivenInAnyOrder) {
    std::vector<IndexEntry> entries = examples();
    std::vector<std::string> expected;
    for (const IndexEntry& entry : entries) {
        expected.push_back(shown(entry));
    }
    std::shuffle(entries.begin(), entries.end(), std::mt19937(1));
    const auto index = index_of(entries);
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_EQ(shown(*index), expected);
    EXPECT_EQ(index->entries(), expected.size());
    EXPECT_EQ(index->redirected_path(), "x5");
}

TEST(LayerIndex, WhatADirectoryHoldsFollowsItAtOnce) {
    const auto index = index_of({node("a-b"), node("a", NodeType::directory), node("b"),
                                 node("a/z"), node("", NodeType::directory), node("a!")});
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_THAT(paths(*index), ElementsAre("", "a", "a/z", "a!", "a-b", "b"));
    EXPECT_EQ(index->redirected_path(), std::nullopt);
}

TEST(LayerIndex, NumbersLinkGroupsByFirstNamesAndForgetsSingleOnes) {
    std::vector<IndexEntry> entries{
        node("", NodeType::directory), node("a"), node("b"), node("c"), node("d"), node("e")};
    const uint32_t groups[] = {0, 30, 10, 20, 10, 20};
    for (size_t i = 0; i < entries.size(); ++i) {
        entries[i].link_group = groups[i];
    }
    const auto index = index_of(entries);
    ASSERT_TRUE(index) << index.error().message;
    std::vector<uint32_t> found;
    IndexReader reader(*index);
    while (const IndexEntry* const entry = reader.next()) {
        found.push_back(entry->link_group);
    }
    EXPECT_THAT(found, ElementsAre(0, 0, 1, 2, 1, 2));
}

TEST(LayerIndex, SurvivesItsFile) {
    const test::TempDir dir;
    const Fd directory = *open_directory(dir.path());
    const auto index = index_of(examples());
    ASSERT_TRUE(save_index(directory.get(), "index", *index));
    const auto loaded = load_index(directory.get(), "index");
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(shown(*loaded), shown(*index));
    EXPECT_EQ(save_index(directory.get(), "index", *index).error().code, ErrorCode::already_exists);
    EXPECT_EQ(load_index(directory.get(), "missing").error().code, ErrorCode::not_found);
    test::make_tree(dir.path(), {test::symlink("index", "link"), test::fifo("fifo")});
    EXPECT_FALSE(load_index(directory.get(), "link"));
    EXPECT_EQ(load_index(directory.get(), "fifo").error().code, ErrorCode::data_loss);
}

std::string message_of(std::string bytes) {
    const auto parsed = LayerIndex::parse(std::move(bytes));
    if (parsed) {
        return "fine";
    }
    EXPECT_EQ(parsed.error().code, ErrorCode::data_loss);
    return parsed.error().message;
}

std::string with_digest(std::string bytes) {
    return bytes + index_digest(bytes);
}

// An index of these entries, whatever they are.
std::string forged(const std::vector<IndexEntry>& entries) {
    std::string bytes = make_index_header();
    EntryEncoder encoder;
    for (const IndexEntry& entry : entries) {
        encoder.encode(entry, bytes);
    }
    return with_digest(std::move(bytes));
}

TEST(DamagedIndex, EveryBeginningAndEveryChangedByteIsNoticed) {
    const std::string bytes = index_of(examples())->bytes();
    for (size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_NE(message_of(bytes.substr(0, size)), "fine") << size;
        std::string changed = bytes;
        changed[size] = static_cast<char>(changed[size] ^ 1);
        EXPECT_NE(message_of(std::move(changed)), "fine") << size;
    }
    EXPECT_NE(message_of(bytes + "more"), "fine");
}

// With a checksum that is right, damage must end in an error or in entries that make sense.
TEST(DamagedIndex, ForgedBytesAreCheckedToo) {
    const std::string bytes = index_of(examples())->bytes();
    const std::string body = bytes.substr(0, bytes.size() - kIndexDigestBytes);
    size_t refused = 0;
    for (size_t at = kIndexHeaderBytes; at < body.size(); ++at) {
        for (const int change : {0x01, 0x40, 0x80, 0xff}) {
            std::string changed = body;
            changed[at] = static_cast<char>(changed[at] ^ change);
            refused += message_of(with_digest(std::move(changed))) != "fine" ? 1 : 0;
        }
        (void)message_of(with_digest(body.substr(0, at))); // may end between two entries
    }
    EXPECT_GT(refused, 200);
    EXPECT_NE(message_of(with_digest(body + "more")), "fine");
}

TEST(DamagedIndex, VersionThatIsUnknownIsNamed) {
    std::string bytes = index_of(examples())->bytes();
    bytes[8] = 2;
    EXPECT_EQ(message_of(bytes), "index of a layer: version 2 is unknown");
}

std::string message_of_forged(const IndexEntry& entry) {
    return message_of(forged({node("", NodeType::directory), entry}));
}

TEST(DamagedIndex, EntriesThatAreNoTreeAreRefused) {
    const IndexEntry root = node("", NodeType::directory);
    EXPECT_EQ(message_of(forged({root, node("a")})), "fine");
    EXPECT_NE(message_of(forged({})), "fine");
    EXPECT_NE(message_of(forged({node("a")})), "fine");
    EXPECT_NE(message_of(forged({node("")})), "fine");
    EXPECT_NE(message_of(forged({root, node("b"), node("a")})), "fine");
    EXPECT_NE(message_of(forged({root, node("a"), node("a")})), "fine");
    EXPECT_NE(message_of(forged({root, root})), "fine");
    EXPECT_NE(message_of(forged({root, node("a"), node("a/b")})), "fine");
    EXPECT_NE(message_of(forged({root, node("a/b")})), "fine");
    EXPECT_NE(message_of(forged(
                  {root, node("a", NodeType::directory), node("a/b"), node("c"), node("a/d")})),
              "fine");
}

TEST(DamagedIndex, NamesThatLeadElsewhereAreRefused) {
    for (const std::string& name :
         {std::string(".."), std::string("."), std::string("/a"), std::string("a/"),
          std::string("a//b"), std::string("a\0b", 3), std::string(256, 'n')}) {
        EXPECT_NE(message_of_forged(node(name)), "fine") << name;
    }
}

TEST(DamagedIndex, ValuesThatAnEntryCannotHaveAreRefused) {
    const auto refused = [](NodeType type, const auto& change) {
        IndexEntry entry = node("a", type);
        change(entry);
        return message_of_forged(entry) != "fine";
    };
    EXPECT_TRUE(refused(NodeType::file, [](auto& entry) { entry.mode = 010000; }));
    EXPECT_TRUE(
        refused(NodeType::file, [](auto& entry) { entry.modify_time.tv_nsec = 1'000'000'000; }));
    EXPECT_TRUE(refused(NodeType::file, [](auto& entry) { entry.is_opaque = true; }));
    EXPECT_TRUE(refused(NodeType::fifo, [](auto& entry) { entry.content = Sha256Hash{}; }));
    EXPECT_TRUE(refused(NodeType::directory, [](auto& entry) { entry.has_overlay_marks = true; }));
    EXPECT_TRUE(refused(NodeType::directory, [](auto& entry) { entry.link_group = 1; }));
    EXPECT_TRUE(refused(NodeType::whiteout, [](auto& entry) { entry.link_group = 1; }));
    EXPECT_TRUE(refused(NodeType::file, [](auto& entry) { entry.link_group = 2; }));
    EXPECT_TRUE(refused(NodeType::symlink, [](auto&) {}));
    EXPECT_TRUE(
        refused(NodeType::symlink, [](auto& entry) { entry.target = std::string(4097, 'x'); }));
    EXPECT_FALSE(refused(NodeType::symlink, [](auto& entry) { entry.target = "b"; }));
}

TEST(IndexWriter, WritesWhatABuilderMakes) {
    std::vector<IndexEntry> entries = examples();
    for (int i = 0; i < 10'000; ++i) { // more than its buffer holds
        entries.push_back(node(fmt::format("y{:05}", i)));
    }
    const test::TempDir dir;
    const Fd file = *open_file(dir / "index", O_WRONLY | O_CREAT, 0600);
    IndexWriter writer(file.get());
    for (const IndexEntry& entry : entries) {
        ASSERT_TRUE(writer.add(entry));
    }
    const Fd directory = *open_directory(dir.path());
    EXPECT_FALSE(load_index(directory.get(), "index"));
    ASSERT_TRUE(writer.finish());
    const auto loaded = load_index(directory.get(), "index");
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->bytes(), index_of(entries)->bytes());
}

TEST(IndexBuilder, RefusesWhatIsNoTree) {
    EXPECT_EQ(index_of({node("a")}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(index_of({node("", NodeType::directory), node("a"), node("a")}).error().code,
              ErrorCode::invalid_argument);
}

} // namespace
} // namespace lamina
