// SPDX-License-Identifier: Apache-2.0
// The index that an unpack leaves is the one that a walk over the finished tree makes. All archives
// of tests/unpacker/archive are held against this too.
#include <cstdlib>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/random_entries.h"
#include "tests/support/recorded_index.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "unpacker/base/limits.h"

namespace lamina::test {
namespace {

struct Way {
    EngineKind engine;
    unsigned writers;
};

class LayerRecordTest : public testing::TestWithParam<Way> {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: archives set owners and make devices";
        }
        if (const auto engine = make_engine(GetParam().engine); !engine) {
            GTEST_SKIP() << "needs the engine: " << engine.error().message;
        }
    }

    // An unpack into `place` that has to succeed.
    static UnpackReport unpack(const UnpackPlace& place, const RecordedIndex& index,
                               const Tree& entries) {
        MemoryBlob blob(tar(entries));
        UnpackTarget target = place.target;
        target.index = index.fd();
        const UnpackOptions options{.writers = GetParam().writers, .engine = GetParam().engine};
        auto report = unpack_layer(blob, Encoding::plain, target, options, {});
        if (!report) {
            throw std::runtime_error(report.error().message);
        }
        return *std::move(report);
    }

    static void expect_index_of_walk(WhiteoutMode mode, const Tree& entries,
                                     const Tree& lower = {}) {
        const UnpackPlace place(mode, lower);
        const RecordedIndex index;
        const UnpackReport report = unpack(place, index, entries);
        EXPECT_TRUE(report.is_indexed);
        EXPECT_EQ(index.difference(place.target.root), "");
    }

    static bool is_indexed(WhiteoutMode mode, const Tree& entries, const Tree& earlier = {}) {
        return unpack(UnpackPlace(mode, earlier), RecordedIndex(), entries).is_indexed;
    }
};

INSTANTIATE_TEST_SUITE_P(Every, LayerRecordTest,
                         testing::Values(Way{EngineKind::threads, 1}, Way{EngineKind::threads, 3},
                                         Way{EngineKind::io_uring, 1},
                                         Way{EngineKind::io_uring, 3}));

TEST_P(LayerRecordTest, EmptyLayerIsItsRoot) {
    expect_index_of_walk(WhiteoutMode::overlay, {});
}

TEST_P(LayerRecordTest, EveryTypeWithItsValues) {
    expect_index_of_walk(
        WhiteoutMode::overlay,
        {dir("d", 01777).owner(7, 8).mtime(5), file("d/f", "content").owner(9, 10).mtime(6, 7),
         file("d/suid", "x", 04755), file("d/none", "", 0), symlink("/else/where", "d/l").mtime(8),
         fifo("d/p"), char_device("d/c", 1, 3).owner(1, 2), block_device("d/b", 8, 1),
         char_device("d/gone", 0, 0).mtime(9), hard_link("d/gone", "d/gone2"),
         file("d/far", "2100").mtime(4'102'444'800), file("d/early", "").mtime(-5),
         file("d/large", std::string(3 * limits::kSmallFileBytes, 'x')), dir("d-e"), file("d!")});
}

TEST_P(LayerRecordTest, NamesOfAnyBytes) {
    expect_index_of_walk(WhiteoutMode::overlay,
                         {dir("\xff\xfe"), file("\xff\xfe/\n"), file("\x01"), file("a\x80z"),
                          file(std::string(255, 'n')), file("a/b/.wh-no"), dir("a"), file("a.b")});
}

TEST_P(LayerRecordTest, XattrsAreThoseOnTheDisk) {
    Tree entries{dir("d").xattr("user.k", "v"), file("f", "x").xattr("user.k", "v"),
                 file("g", "x").xattr("user.k", "w").xattr("trusted.overlay.opaque", "y"),
                 symlink("f", "l").xattr("user.not", "on links"),
                 file("cap", "x")
                     .xattr("security.capability",
                            std::string("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20))};
    Entry many = file("many");
    for (int i = 0; i < 50; ++i) {
        many.xattr("user.number-" + std::to_string(i), std::string(20, 'v'));
    }
    entries.push_back(many);
    expect_index_of_walk(WhiteoutMode::overlay, entries);
}

TEST_P(LayerRecordTest, LaterEntriesReplaceEarlierOnes) {
    expect_index_of_walk(WhiteoutMode::overlay,
                         {file("f", "first"), file("f", "second"), dir("d"), file("d/in"),
                          file("d", "now a file"), file("g"), dir("g"), file("g/in"), fifo("g/in"),
                          dir("d"), symlink("f", "d"), file("d", "again")});
}

TEST_P(LayerRecordTest, HardLinksShareWhatWasSetLast) {
    expect_index_of_walk(
        WhiteoutMode::overlay,
        {file("a", "content").mode(0600), hard_link("a", "b").mode(0640).mtime(50),
         file("z", "other"), hard_link("b", "c").mode(0755).owner(3, 4).xattr("user.k", "v"),
         file("b", "a new one"), hard_link("z", "z2"), file("z", "z2 is alone now"), dir("over"),
         hard_link("c", "over"), symlink("c", "s"), hard_link("s", "s2"), file("twice"),
         hard_link("twice", "twice2"), hard_link("twice", "twice2")});
}

TEST_P(LayerRecordTest, WhiteoutsAndOpaqueDirectories) {
    const Tree lower{dir("d"), file("d/a"), file("d/b"), dir("e"), file("e/c"), file("f")};
    const Tree entries{whiteout("f").owner(5, 6),
                       dir("d"),
                       opaque("d"),
                       whiteout("d/b"),
                       file("d/n"),
                       whiteout("e"),
                       file("e/again"),
                       whiteout("nothing"),
                       file("nothing")};
    expect_index_of_walk(WhiteoutMode::overlay, entries, lower);
    expect_index_of_walk(WhiteoutMode::delete_in_place,
                         {dir("d"), file("d/a"), file("f"), whiteout("f"), opaque("d"), file("g"),
                          dir("h"), file("h/x"), whiteout("h"), whiteout("missing")});
}

TEST_P(LayerRecordTest, ImpliedDirectoriesAreWhatTheyTookFromBelow) {
    const Tree lower{dir("a", 0711).owner(50, 51).mtime(70).xattr("user.k", "v"),
                     dir("a/b", 0750).mtime(71)};
    expect_index_of_walk(WhiteoutMode::overlay, {file("a/b/c/f"), file("other/f"), dir("other/d")},
                         lower);
    expect_index_of_walk(WhiteoutMode::overlay, {file("a/b/c/f")});
}

TEST_P(LayerRecordTest, WhatNotesCannotTellIsLeftToAWalk) {
    const auto acl = [](Entry entry) { // u::rwx,g::r-x,o::r-x
        return entry.xattr("system.posix_acl_default",
                           std::string("\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\5\0\xff\xff\xff\xff"
                                       "\x20\0\5\0\xff\xff\xff\xff",
                                       28));
    };
    EXPECT_TRUE(is_indexed(WhiteoutMode::delete_in_place, {file("f")}));
    EXPECT_FALSE(is_indexed(WhiteoutMode::delete_in_place, {file("f")}, {file("was there")}));
    EXPECT_FALSE(is_indexed(WhiteoutMode::overlay, {acl(dir("d")), file("d/f")}));
    EXPECT_FALSE(is_indexed(WhiteoutMode::overlay, {opaque("")}, {file("f")}));
}

TEST_P(LayerRecordTest, NotesAreBounded) {
    Tree entries;
    const std::string target(4000, 't');
    for (size_t bytes = 0; bytes < limits::kRecordBytesMax; bytes += target.size()) {
        entries.push_back(symlink(target, "l" + std::to_string(bytes)));
    }
    EXPECT_FALSE(is_indexed(WhiteoutMode::overlay, entries));
    entries.erase(entries.begin() + 1000, entries.end());
    expect_index_of_walk(WhiteoutMode::overlay, entries);
}

TEST_P(LayerRecordTest, NothingIsRecordedOfALayerThatFails) {
    const UnpackPlace place(WhiteoutMode::overlay, {});
    const RecordedIndex index;
    MemoryBlob blob(tar({file("f"), file("g")}).substr(0, 1400));
    UnpackTarget target = place.target;
    target.index = index.fd();
    EXPECT_FALSE(unpack_layer(blob, Encoding::plain, target, {}, {}));
    EXPECT_FALSE(index.load());
}

// Entries under few names, so that they meet.
TEST_P(LayerRecordTest, RandomLayersAreRecordedAsAWalkFindsThem) {
    setenv("RC_PARAMS", "seed=31 max_success=40 max_size=60", 0);
    const Tree lower{dir("a", 0711).mtime(70), dir("a/b", 0750).xattr("user.k", "v").mtime(71),
                     file("a/b/c"), dir("b"), file("b/c")};
    for (const auto mode : {WhiteoutMode::overlay, WhiteoutMode::delete_in_place}) {
        const Tree earlier = mode == WhiteoutMode::overlay ? lower : Tree();
        EXPECT_TRUE(rc::check([&] {
            const auto drawn = *rc::gen::container<Tree>(any_entry());
            const Tree entries = accepted_entries(drawn, mode, earlier);
            const UnpackPlace place(mode, earlier);
            const RecordedIndex index;
            const UnpackReport report = unpack(place, index, entries);
            RC_LOG() << shown(entries) << "\n";
            RC_ASSERT(report.is_indexed || report.rebased.root_is_opaque);
            if (report.is_indexed) {
                RC_ASSERT(index.difference(place.target.root) == std::string());
            }
        }));
    }
}

} // namespace
} // namespace lamina::test
