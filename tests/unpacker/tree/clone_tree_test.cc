// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/snapshotter/tree/deep_tree.h"
#include "tests/support/manifest.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/limits.h"
#include "unpacker/tree/clone_tree.h"

namespace lamina {
namespace {

using test::char_device;
using test::dir;
using test::file;
using test::hard_link;
using test::Tree;

// VFS_CAP_REVISION_2, CAP_NET_RAW permitted and effective, as setcap(8) stores it.
const std::string kCapability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

// Version 2, user::rwx user:7:rwx group::r-x mask::rwx other::r-x, acl(5).
const std::string kAcl("\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\x07\0\0\0"
                       "\x04\0\x05\0\xff\xff\xff\xff\x10\0\x07\0\xff\xff\xff\xff"
                       "\x20\0\x05\0\xff\xff\xff\xff",
                       44);

class CloneTree : public testing::Test {
  protected:
    void SetUp() override {
        if (!test::is_root()) {
            GTEST_SKIP() << "needs root: owners, devices and trusted xattrs";
        }
        test::make_tree(temp_.path(), {dir("from"), dir("to")});
    }

    [[nodiscard]] std::string from(const std::string& name = {}) const {
        return temp_ / ("from/" + name);
    }
    [[nodiscard]] std::string to(const std::string& name = {}) const {
        return temp_ / ("to/" + name);
    }
    [[nodiscard]] std::string manifest_of(const std::string& name) const {
        return test::manifest(temp_ / name);
    }

    Result<Usage> clone(const CloneOptions& options = {}, const std::stop_token& stop = {}) {
        TRY_ASSIGN(const Fd source, open_directory(temp_ / "from"));
        TRY_ASSIGN(const Fd target, open_directory(temp_ / "to"));
        return clone_tree(source.get(), target.get(), options, stop);
    }

    // The clone is the same, and its usage what a walk counts.
    void must_clone(const CloneOptions& options = {}) {
        const auto usage = clone(options);
        ASSERT_TRUE(usage) << usage.error().message;
        EXPECT_EQ(manifest_of("to"), manifest_of("from"));
        const auto target = open_directory(temp_ / "to");
        EXPECT_EQ(*usage, *measure_usage(target->get()));
    }

    void must_fail(ErrorCode code, const CloneOptions& options = {}) {
        const auto usage = clone(options);
        ASSERT_FALSE(usage);
        EXPECT_EQ(usage.error().code, code) << usage.error().message;
    }

    test::TempDir temp_;
};

struct stat status_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
}

TEST_F(CloneTree, EmptyTreeGivesAnEmptyOne) {
    must_clone();
}

TEST_F(CloneTree, EveryTypeWithItsMetadata) {
    test::make_tree(from(),
                    {dir("etc", 02775).owner(1, 2).mtime(100, 123456789).xattr("user.d", "d"),
                     file("etc/hosts", "::1 localhost", 0640).owner(3, 4).mtime(101, 999999999),
                     file("etc/empty", "", 0666).mtime(-5), dir("tmp", 01777),
                     file("su", "program", 06755).owner(0, 5),
                     test::symlink("../../outside", "link").owner(8, 9).mtime(102, 1),
                     test::symlink("etc", "directory-link"),
                     test::fifo("pipe", 0604).owner(1, 1).mtime(103),
                     char_device("null", 1, 3, 0666).mtime(104), test::block_device("disk", 8, 1),
                     char_device("gone", 0, 0, 0).owner(10, 10), file("secret", "x", 0),
                     dir("locked", 0).owner(20, 20), file("locked/in", "y", 0400)});
    must_clone();
}

TEST_F(CloneTree, XattrsOfEveryKind) {
    test::make_tree(
        from(),
        {dir("opaque").xattr("trusted.overlay.opaque", "y"),
         file("ping", "program", 0755).owner(1, 1).xattr("security.capability", kCapability),
         file("acl", "", 0775).xattr("system.posix_acl_access", kAcl),
         dir("acls", 0775).xattr("system.posix_acl_default", kAcl), file("acls/none", "", 0600),
         dir("acls/none-either", 0700),
         test::symlink("x", "link").xattr("trusted.note", "on a link"),
         char_device("device", 1, 3).xattr("trusted.note", "on a device"),
         file("large").xattr("user.large", std::string(2000, 'v')),
         file("empty").xattr("user.empty", "")});
    // Made before the ACL was there.
    for (const char* name : {"acls/none", "acls/none-either"}) {
        (void)::removexattr(from(name).c_str(), "system.posix_acl_access");
        (void)::removexattr(from(name).c_str(), "system.posix_acl_default");
    }
    ASSERT_EQ(::chmod(from("acls/none").c_str(), 0600), 0);
    ASSERT_EQ(::chmod(from("acls/none-either").c_str(), 0700), 0);
    must_clone();
}

TEST_F(CloneTree, ModesDoNotDependOnTheUmask) {
    test::make_tree(from(), {file("f", "", 0666), dir("d", 0777), test::fifo("p", 0666)});
    const mode_t before = ::umask(077);
    must_clone();
    ::umask(before);
}

TEST_F(CloneTree, AccessTimesComeAlong) {
    test::make_tree(from(), {file("f", "x")});
    const timespec times[2] = {{1000, 7}, {2000, 8}};
    ASSERT_EQ(::utimensat(AT_FDCWD, from("f").c_str(), times, 0), 0);
    ASSERT_TRUE(clone()); // without the looks of must_clone()
    EXPECT_EQ(status_of(to("f")).st_atim.tv_sec, 1000);
    EXPECT_EQ(status_of(to("f")).st_atim.tv_nsec, 7);
    EXPECT_EQ(status_of(from("f")).st_atim.tv_sec, 1000) << "reading the source left no trace";
}

TEST_F(CloneTree, RootsKeepWhatTheyHave) {
    test::make_tree(temp_.path(), {dir("from", 0700).owner(1, 1).xattr("user.r", "1"),
                                   dir("to", 0751).owner(2, 2), file("from/f", "x")});
    const auto usage = clone();
    ASSERT_TRUE(usage) << usage.error().message;
    EXPECT_THAT(manifest_of("to"), ::testing::StartsWith(". dir 0751 2:2\n"));
    EXPECT_TRUE(test::exists(to("f")));
}

TEST_F(CloneTree, HardLinksAreGroupsOfTheirOwn) {
    test::make_tree(from(),
                    {dir("a"), dir("a/b"), dir("c"), file("a/b/one", "1").owner(1, 2),
                     hard_link("a/b/one", "a/two"), hard_link("a/b/one", "c/three"),
                     hard_link("a/b/one", "four"), test::symlink("t", "s"), hard_link("s", "c/s")});
    for (const unsigned threads : {1U, 4U}) {
        SCOPED_TRACE(threads);
        must_clone({.threads = threads});
        EXPECT_EQ(status_of(to("four")).st_nlink, 4U);
        EXPECT_NE(status_of(to("four")).st_ino, status_of(from("four")).st_ino);
        EXPECT_EQ(status_of(from("four")).st_nlink, 4U);
        test::write_file(from("four"), "changed");
        EXPECT_EQ(test::read_file(to("c/three")), "1");
        test::write_file(from("four"), "1");
        std::filesystem::remove_all(temp_ / "to");
        test::make_tree(temp_.path(), {dir("to")});
        test::make_tree(from(), {file("four", "1").owner(1, 2)});
    }
}

TEST_F(CloneTree, LinkOutsideOfTheSourceIsNotFollowedByInode) {
    test::write_file(temp_ / "elsewhere", "x");
    ASSERT_EQ(::link((temp_ / "elsewhere").c_str(), from("f").c_str()), 0);
    must_clone();
    EXPECT_EQ(status_of(to("f")).st_nlink, 1U);
    EXPECT_EQ(status_of(temp_ / "elsewhere").st_nlink, 2U);
}

TEST_F(CloneTree, ContentOfEverySizeAroundTheBuffer) {
    const auto buffer = static_cast<size_t>(limits::kCloneBufferBytes);
    for (const size_t size : {size_t{1}, size_t{4095}, size_t{4096}, buffer - 1, buffer, buffer + 1,
                              3 * buffer + 5, 5 * 1024 * 1024 + size_t{7}}) {
        std::string content(size, '\0');
        for (size_t i = 0; i < size; ++i) {
            content[i] = static_cast<char>('a' + i * 7 % 26);
        }
        test::write_file(from(std::to_string(size)), content);
    }
    must_clone();
}

TEST_F(CloneTree, HolesStayHoles) {
    constexpr off_t kSize = 1LL << 32;
    const std::string piece(100'000, 'x');
    const auto sparse = open_file(from("sparse"), O_WRONLY | O_CREAT, 0644);
    ASSERT_TRUE(sparse);
    for (const off_t at : {off_t{1 << 20}, kSize / 2}) {
        ASSERT_EQ(::pwrite(sparse->get(), piece.data(), piece.size(), at), 100'000);
    }
    ASSERT_EQ(::ftruncate(sparse->get(), kSize), 0);
    const auto all_hole = open_file(from("hole"), O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(::ftruncate(all_hole->get(), kSize), 0);

    const auto usage = clone(); // whose manifests would take 16 GiB of memory
    ASSERT_TRUE(usage) << usage.error().message;
    EXPECT_LT(usage->size_bytes, 1U << 20);
    for (const char* name : {"sparse", "hole"}) {
        EXPECT_EQ(status_of(to(name)).st_size, kSize);
        EXPECT_EQ(status_of(to(name)).st_blocks, status_of(from(name)).st_blocks);
    }
    const auto copy = open_file(to("sparse"), O_RDONLY);
    std::string read(piece.size(), ' ');
    for (const off_t at : {off_t{1 << 20}, kSize / 2}) {
        ASSERT_EQ(::pread(copy->get(), read.data(), read.size(), at), 100'000);
        EXPECT_EQ(read, piece);
    }
}

TEST_F(CloneTree, ManyDirectoriesByManyThreads) {
    Tree tree;
    for (int i = 0; i < 40; ++i) {
        tree.push_back(dir(fmt::format("d{}", i)).mtime(i));
        for (int j = 0; j < 20; ++j) {
            tree.push_back(dir(fmt::format("d{}/s{}", i, j), 0700).mtime(1000 + j));
            tree.push_back(file(fmt::format("d{}/s{}/f", i, j), "x"));
            tree.push_back(hard_link("d0/s0/f", fmt::format("d{}/s{}/l", i, j)));
        }
    }
    test::make_tree(from(), tree);
    must_clone({.threads = 8});
}

TEST_F(CloneTree, FreshDirectoriesGetMarksOnly) {
    test::make_tree(from(), {dir("a", 0700).owner(1, 1).mtime(5).xattr("user.k", "v"),
                             dir("a/b", 0701)
                                 .owner(2, 2)
                                 .mtime(6)
                                 .xattr("user.k", "v")
                                 .xattr("trusted.overlay.opaque", "y"),
                             file("a/b/f", "x"), dir("a/c", 0702)});
    DirectoryMarks fresh;
    auto& a = fresh.inside["a"] = std::make_unique<DirectoryMarks>();
    auto& b = a->inside["b"] = std::make_unique<DirectoryMarks>();
    b->is_marked = true;
    const auto usage = clone({.fresh = &fresh});
    ASSERT_TRUE(usage) << usage.error().message;
    const test::Entry made = test::read_entry(to("a/b"), "b");
    EXPECT_EQ(made.permission_bits, 0755U);
    EXPECT_EQ(made.uid, 0);
    EXPECT_GT(made.mtime_seconds, 1'600'000'000);
    EXPECT_EQ(made.xattrs, (std::map<std::string, std::string>{{"trusted.overlay.opaque", "y"}}));
    EXPECT_EQ(test::read_entry(to("a"), "a").permission_bits, 0700U);
    EXPECT_EQ(test::read_entry(to("a/c"), "c").permission_bits, 0702U);
}

TEST_F(CloneTree, FreshDirectoryThatMayHaveInheritedIsRefused) {
    DirectoryMarks fresh;
    auto& a = fresh.inside["a"] = std::make_unique<DirectoryMarks>();
    (a->inside["b"] = std::make_unique<DirectoryMarks>())->is_marked = true;
    test::make_tree(from(), {dir("a", 02755), dir("a/b")});
    must_fail(ErrorCode::failed_precondition, {.fresh = &fresh});
}

TEST_F(CloneTree, TargetWithDefaultAclIsRefused) {
    test::make_tree(temp_.path(), {dir("to").xattr("system.posix_acl_default", kAcl)});
    must_fail(ErrorCode::failed_precondition);
}

TEST_F(CloneTree, NothingIsReplaced) {
    test::make_tree(temp_.path(), {file("from/f", "new"), file("to/f", "old")});
    must_fail(ErrorCode::already_exists);
    EXPECT_EQ(test::read_file(to("f")), "old");
}

TEST_F(CloneTree, OtherFilesystemsAreNotEntered) {
    test::make_tree(from(), {dir("mnt")});
    ASSERT_EQ(::mount("none", from("mnt").c_str(), "tmpfs", 0, nullptr), 0);
    must_fail(ErrorCode::failed_precondition);
    ASSERT_EQ(::umount(from("mnt").c_str()), 0);
}

TEST_F(CloneTree, TooDeepTreeIsAnErrorAndKeepsWithinItsDescriptors) {
    const auto source = open_directory(temp_ / "from");
    test::make_deep_tree(temp_ / "from", static_cast<int>(limits::kCloneOpenDirectoriesMax) - 1);
    const auto fits = clone();
    EXPECT_TRUE(fits) << fits.error().message;
    std::filesystem::remove_all(temp_ / "to");
    std::filesystem::remove_all(temp_ / "from");
    test::make_tree(temp_.path(), {dir("from"), dir("to")});
    test::make_deep_tree(temp_ / "from", static_cast<int>(limits::kCloneOpenDirectoriesMax));
    must_fail(ErrorCode::resource_exhausted);
}

TEST_F(CloneTree, StopEndsIt) {
    test::make_tree(from(), {file("f", "x")});
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(clone({}, stop.get_token()).error().code, ErrorCode::canceled);
}

// Whatever happens to the source, the clone ends, by itself or with an error, and nothing outside
// changes.
TEST_F(CloneTree, SourceThatVanishesMeanwhileIsAnErrorAtMost) {
    test::make_tree(temp_.path(), {dir("outside"), file("outside/f", "precious")});
    const std::string outside = manifest_of("outside");
    for (int round = 0; round < 20; ++round) {
        Tree tree;
        for (int i = 0; i < 20; ++i) {
            tree.push_back(dir(fmt::format("d{}", i)));
            tree.push_back(file(fmt::format("d{}/f", i), std::string(1000, 'x')));
            tree.push_back(test::symlink("../../outside", fmt::format("d{}/l", i)));
        }
        std::filesystem::remove_all(temp_ / "from");
        std::filesystem::remove_all(temp_ / "to");
        test::make_tree(temp_.path(), {dir("from"), dir("to")});
        test::make_tree(from(), tree);
        std::jthread remover([&] {
            for (int i = 0; i < 20; ++i) {
                std::filesystem::remove_all(from(fmt::format("d{}", (i * 7 + round) % 20)));
                (void)::symlink("../outside",
                                from(fmt::format("d{}", (i * 7 + round) % 20)).c_str());
            }
        });
        (void)clone({.threads = 2});
        remover.join();
        EXPECT_EQ(manifest_of("outside"), outside);
    }
}

} // namespace
} // namespace lamina
