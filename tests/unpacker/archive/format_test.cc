// SPDX-License-Identifier: Apache-2.0
// The tar format as Go's archive/tar reads it (containerd's reader): where the two differ, lamina
// follows Go, so that a layer gives the same tree in both.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unpacker/archive/archive_test.h"

namespace lamina::test {
namespace {

constexpr auto kInvalid = ErrorCode::invalid_argument;
constexpr size_t kMegabyte = size_t{1} << 20;

class TarFormat : public ArchiveTest {
  protected:
    void must_unpack_bytes(const std::string& bytes) {
        const auto result = unpack(bytes);
        EXPECT_TRUE(result) << result.error().message;
    }
};
LAMINA_EVERY_WAY(TarFormat);

TEST_P(TarFormat, OldV7HeaderHasNoMagic) {
    must_unpack({file("f", "x").raw(257, std::string(255, '\0')),
                 file("old", "y").flag('\0').raw(257, std::string(255, '\0'))});
    expect_root_holds({file("f", "x"), file("old", "y")});
}

TEST_P(TarFormat, NulFlagIsADirectoryWhenTheNameEndsInASlash) {
    must_unpack({file("d/", "", 0755).flag('\0'), file("f", "x").flag('\0')});
    expect_root_holds({dir("d"), file("f", "x")});
}

TEST_P(TarFormat, RegularFlagIsAFileAlsoWhenTheNameEndsInASlash) {
    must_unpack({file("f/", "content"), file("after", "x")});
    expect_root_holds({file("f", "content"), file("after", "x")});
}

TEST_P(TarFormat, UstarPrefixIsJoinedWithASlash) {
    must_unpack({file("name", "x").raw(345, "some/prefix")});
    EXPECT_EQ(read_file(at("some/prefix/name")), "x");
}

// containerd's TestPrefixHeaderReadable: old Go wrote binary rubbish where GNU has its times, in a
// header of GNU's magic, whose "prefix" must not become part of the name.
TEST_P(TarFormat, TestPrefixHeaderReadable) {
    Entry entry = file("name", "x").gnu();
    entry.raw(345, "00000000000").raw(357, "00000000000");
    must_unpack({entry});
    expect_root_holds({file("name", "x")});
}

TEST_P(TarFormat, GnuLongNamesAndLinks) {
    const std::string name = std::string(150, 'd') + "/" + std::string(200, 'f');
    const Tree tree = {dir(std::string(150, 'd')), file(name, "x").gnu(),
                       symlink(std::string(2000, 't'), "link").gnu(), hard_link(name, "dup").gnu()};
    must_unpack(tree);
    EXPECT_EQ(read_file(at(name)), "x");
    EXPECT_EQ(read_file(at("dup")), "x");
    EXPECT_EQ(read_entry(at("link"), "link").link, std::string(2000, 't'));
}

TEST_P(TarFormat, GnuLongNameBeatsThePaxPath) {
    must_unpack_bytes(gnu_long("gnu", 'L') + pax_header(pax_record("path", "pax")) +
                      tar({file("plain", "x")}));
    expect_root_holds({file("gnu", "x")});
    must_unpack_bytes(pax_header(pax_record("path", "pax2")) + gnu_long("gnu2", 'L') +
                      tar({file("plain", "x")}));
    EXPECT_TRUE(exists(at("gnu2")));
    EXPECT_FALSE(exists(at("pax2")));
}

TEST_P(TarFormat, PaxRecordsBeatTheHeader) {
    must_unpack({file("plain", "12345")
                     .claimed_size(3)
                     .pax("path", "named/by/pax")
                     .pax("size", "5")
                     .pax("uid", "77")
                     .pax("gid", "78")
                     .pax("mtime", "99.25")
                     .pax("uname", "nobody")
                     .pax("gname", "nobody"),
                 symlink("plain", "link").pax("linkpath", "by-pax")});
    const Entry found = read_entry(at("named/by/pax"), "f");
    EXPECT_EQ(found.content, "12345");
    EXPECT_EQ(found.uid, 77);
    EXPECT_EQ(found.gid, 78);
    EXPECT_EQ(found.mtime_seconds, 99);
    EXPECT_EQ(found.mtime_nanoseconds, 250'000'000U);
    EXPECT_EQ(read_entry(at("link"), "l").link, "by-pax");
}

TEST_P(TarFormat, EmptyPaxValueKeepsTheHeadersValue) {
    must_unpack({file("name", "x").owner(5, 6).pax("path", "").pax("uid", "").pax("size", "")});
    expect_root_holds({file("name", "x").owner(5, 6)});
}

TEST_P(TarFormat, LastOfTwoEqualPaxRecordsCounts) {
    must_unpack({file("name", "x").pax("path", "first").pax("path", "second")});
    expect_root_holds({file("second", "x")});
}

TEST_P(TarFormat, PaxRecordsEndWithTheirEntry) {
    must_unpack({file("a", "x").pax("path", "renamed").pax("uid", "9").xattr("user.k", "v"),
                 file("b", "y")});
    expect_root_holds({file("renamed", "x").owner(9, 0).xattr("user.k", "v"), file("b", "y")});
}

TEST_P(TarFormat, GlobalPaxHeadersAreIgnored) {
    must_unpack_bytes(pax_header(pax_record("path", "wrong") + pax_record("uid", "9"), 'g') +
                      pax_header("", 'g') + tar({file("right", "x")}));
    expect_root_holds({file("right", "x")});
}

TEST_P(TarFormat, MalformedPaxRecordsAreErrors) {
    for (const std::string& body :
         {std::string("nonsense"), std::string("5 a=b"), std::string("99 path=x\n"),
          std::string("6 abc\n"), std::string("0 \n"), std::string("-7 a=b\n"),
          std::string("7  =bc\n").substr(0, 4), std::string("6 a=bX"),
          pax_record("path", std::string("a\0b", 3)), pax_record("", "x"),
          pax_record("size", "12x"), pax_record("uid", "x"), pax_record("mtime", "1.2.3"),
          pax_record("mtime", "now")}) {
        const auto result = unpack(pax_header(body) + tar({file("f", "x")}));
        EXPECT_FALSE(result) << body;
        EXPECT_TRUE(result || result.error().code == kInvalid) << body;
    }
}

TEST_P(TarFormat, ExtensionBodiesOverOneMegabyteAreErrors) {
    const auto fails = [&](const std::string& bytes) {
        const auto result = unpack(bytes + tar({file("f", "x")}));
        return !result && result.error().code == kInvalid;
    };
    EXPECT_TRUE(fails(pax_header(pax_record("comment", std::string(kMegabyte, 'x')))));
    EXPECT_TRUE(fails(gnu_long(std::string(kMegabyte + 1, 'x'), 'L')));
    EXPECT_TRUE(fails(gnu_long(std::string(kMegabyte + 1, 'x'), 'K')));
    must_unpack_bytes(pax_header(pax_record("comment", std::string(kMegabyte - 100, 'x'))) +
                      tar({file("f", "x")}));
    expect_root_holds({file("f", "x")});
}

TEST_P(TarFormat, NumbersInBase256) {
    must_unpack({file("f", "12345").raw(124, base256(5, 12)).raw(108, base256(3'000'000, 8))});
    expect_root_holds({file("f", "12345").owner(3'000'000, 0)});
}

TEST_P(TarFormat, NumbersWithBlanksAndWithoutLeadingZeros) {
    must_unpack({file("f", "12345")
                     .raw(124, std::string("  5 \0       ", 12))
                     .raw(100, std::string(" 600 \0\0\0", 8))
                     .raw(108, std::string(8, '\0'))});
    expect_root_holds({file("f", "12345", 0600)});
}

TEST_P(TarFormat, BadNumbersAreErrors) {
    must_fail(tar({file("f").raw(124, "12x45")}), kInvalid, "");
    must_fail(tar({file("f").raw(108, "9")}), kInvalid, "");
    must_fail(tar({file("f").raw(124, base256(-1, 12))}), kInvalid, "");
    must_fail(tar({file("f").raw(124, std::string("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                                  "\xff",
                                                  12))}),
              kInvalid, "");
    must_fail(tar({file("f").pax("size", "-1")}), kInvalid, "");
}

TEST_P(TarFormat, WrongChecksumIsAnError) {
    must_fail(tar({file("a", "x"), file("f").raw_after_checksum(0, "g")}), kInvalid, "");
    must_fail(std::string(4 * kTarBlock, 'x'), kInvalid, "");
}

TEST_P(TarFormat, SignedChecksumIsAccepted) {
    // Old programs summed signed characters; Go takes both.
    Entry entry = file("\xc3\xbc", "x");
    std::string header = tar_entry(entry).substr(0, kTarBlock);
    header.replace(148, 8, "        ");
    int sum = 0;
    for (char c : header) {
        sum += static_cast<signed char>(c);
    }
    entry.raw_after_checksum(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    must_unpack({entry});
    EXPECT_TRUE(exists(at("\xc3\xbc")));
}

// One entry of each type that has no content, between two files.
Tree of_every_type_without_body() {
    return {hard_link("target", "link"),
            symlink("target", "symlink"),
            char_device("null", 1, 3),
            block_device("disk", 8, 1),
            dir("d"),
            fifo("pipe")};
}

TEST_P(TarFormat, EntriesWithoutABodyHaveNoneWhateverTheirSizeSays) {
    Tree tree = of_every_type_without_body();
    for (Entry& entry : tree) {
        entry.claimed_size(700);
    }
    tree.insert(tree.begin(), file("target", "t"));
    tree.push_back(file("after", "a"));
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(TarFormat, EntriesWithoutABodyHaveNoneWhateverTheirPaxSizeSays) {
    Tree tree = of_every_type_without_body();
    for (Entry& entry : tree) {
        entry.pax("size", "700");
    }
    tree.insert(tree.begin(), file("target", "t"));
    tree.push_back(file("after", "a"));
    must_unpack(tree);
    expect_root_holds(tree);
}

TEST_P(TarFormat, OldDirectoryHasNoBodyWhateverItsSizeSays) {
    must_unpack({file("d/", "", 0755).flag('\0').claimed_size(700), file("after", "a")});
    expect_root_holds({dir("d"), file("after", "a")});
}

TEST_P(TarFormat, PaxSparseFileIsExpanded) {
    const std::string data = std::string(1000, 'a') + std::string(7000, '\0') + "end" +
                             std::string(100'000 - 8003, '\0');
    must_unpack_bytes(pax_sparse_file("sparse", 100'000,
                                      {{0, std::string(1000, 'a')}, {8000, "end"}, {100'000, ""}}) +
                      tar({file("after", "x")}));
    EXPECT_EQ(read_file(at("sparse")), data);
    EXPECT_EQ(read_file(at("after")), "x");
}

TEST_P(TarFormat, SparseMapsThatLieAreErrors) {
    for (const auto& pieces : std::vector<std::vector<std::pair<int64_t, std::string>>>{
             {{50, "beyond the end"}},
             {{10, "overlap"}, {12, "overlap"}},
             {{30, "later"}, {0, "earlier"}},
             {{-5, "negative"}}}) {
        const auto result = unpack(pax_sparse_file("sparse", 55, pieces) + tar({}));
        EXPECT_FALSE(result) << pieces.front().second;
        EXPECT_TRUE(result || result.error().code == kInvalid) << pieces.front().second;
    }
}

TEST_P(TarFormat, OldGnuSparseContiguousAndUnknownFlagsAreErrorsThatNameThem) {
    for (const char flag : std::string("S7DMNVXAZ9a")) {
        SCOPED_TRACE(flag);
        const auto result = unpack(tar({file("the-entry").flag(flag)}));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, kInvalid) << result.error().message;
        EXPECT_NE(result.error().message.find("the-entry"), std::string::npos)
            << result.error().message;
        EXPECT_NE(result.error().message.find(flag), std::string::npos) << result.error().message;
    }
}

TEST_P(TarFormat, EndsCleanlyWithTwoOneOrNoZeroBlocks) {
    const std::string body = tar_body({file("f", "x")});
    for (const size_t blocks : {0U, 1U, 2U, 20U}) {
        must_unpack_bytes(body + zero_blocks(blocks));
    }
    expect_root_holds({file("f", "x")});
}

TEST_P(TarFormat, DataAfterASingleZeroBlockIsAnError) {
    must_fail(tar_body({file("f", "x")}) + zero_blocks(1) + tar({file("g", "y")}), kInvalid, "");
}

TEST_P(TarFormat, EntriesAfterTheEndAreNotUnpacked) {
    must_unpack_bytes(tar({file("f", "x")}) + tar({file("g", "y")}) + "rubbish");
    expect_root_holds({file("f", "x")});
}

TEST_P(TarFormat, EveryTruncationOfAnArchiveIsDataLoss) {
    const std::string whole = tar_body({file("f", std::string(600, 'x')).pax("comment", "x")});
    for (size_t size = 1; size < whole.size(); size += 61) {
        if (size % kTarBlock == 0) {
            continue;
        }
        SCOPED_TRACE(size);
        const auto result = unpack(whole.substr(0, size));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::data_loss) << result.error().message;
    }
    // At a block boundary inside of an entry.
    for (const size_t blocks : {1U, 2U, 3U, 4U}) {
        SCOPED_TRACE(blocks);
        const auto result = unpack(whole.substr(0, blocks * kTarBlock));
        ASSERT_FALSE(result);
    }
}

TEST_P(TarFormat, DeviceNumbersOutOfRangeAreErrors) {
    must_fail(tar({char_device("dev", -1, 3).gnu()}), kInvalid, "dev");
    must_fail(tar({block_device("dev", 1, -1).gnu()}), kInvalid, "dev");
    must_fail(tar({char_device("dev", int64_t{1} << 32, 3).gnu()}), kInvalid, "dev");
    must_fail(tar({block_device("dev", 1, int64_t{1} << 32).gnu()}), kInvalid, "dev");
    EXPECT_FALSE(exists(at("dev")));
}

} // namespace
} // namespace lamina::test
