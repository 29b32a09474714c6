// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "snapshotter/core/layout.h"
#include "snapshotter/core/staged_snapshot.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

mode_t mode_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

TEST(Layout, DirectoriesArePrivate) {
    const test::TempDir dir;
    ASSERT_TRUE(Layout::open(dir / "root"));
    for (const char* name : {"", "/snapshots", "/staging", "/trash"}) {
        EXPECT_EQ(mode_of((dir / "root") + name), 0700U) << name;
    }
}

TEST(Layout, EmptyLowerIsReadableWhateverTheUmask) {
    const test::TempDir dir;
    const mode_t old_umask = ::umask(0077);
    const auto layout = Layout::open(dir / "root");
    ::umask(old_umask);
    ASSERT_TRUE(layout);
    EXPECT_EQ(mode_of(layout->empty_lower()), 0755U);
}

TEST(Layout, RefusesRootsThatMountOptionsCannotCarry) {
    for (const char* root : {"", "relative", "/tmp/a:b", "/tmp/a,b", "/tmp/a/"}) {
        const auto layout = Layout::open(root);
        ASSERT_FALSE(layout) << root;
        EXPECT_EQ(layout.error().code, ErrorCode::invalid_argument);
    }
}

TEST(Layout, KnowsUpperDirectoriesByTheirExactPath) {
    const test::TempDir dir;
    const auto layout = Layout::open(dir.path());
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->id_of_upper(layout->upper(12)), 12);
    for (const char* other : {"/snapshots/12", "/snapshots/12/work", "/snapshots/012/fs",
                              "/snapshots/x/fs", "/snapshots/../fs", "/snapshots//fs",
                              "/snapshots/12/fs/", "/snapshots/fs", "/trash/12/fs"}) {
        EXPECT_EQ(layout->id_of_upper(dir.path() + other), std::nullopt) << other;
    }
}

TEST(StagedSnapshot, ModesDoNotDependOnTheUmask) {
    const test::TempDir dir;
    const auto layout = Layout::open(dir.path());
    Trash trash(*layout, {});
    const mode_t old_umask = ::umask(0077);
    {
        auto staged = StagedSnapshot::make(*layout, Kind::active);
        ASSERT_TRUE(staged && staged->publish(1, trash));
    }
    ::umask(old_umask);
    EXPECT_EQ(mode_of(layout->upper(1)), 0755U);
    EXPECT_EQ(mode_of(layout->work(1)), 0711U);
    EXPECT_THAT(layout->ids().value(), testing::ElementsAre(1));
}

TEST(StagedSnapshot, ViewHasNoWorkDirectory) {
    const test::TempDir dir;
    const auto layout = Layout::open(dir.path());
    Trash trash(*layout, {});
    auto staged = StagedSnapshot::make(*layout, Kind::view);
    ASSERT_TRUE(staged && staged->publish(1, trash));
    struct stat status{};
    EXPECT_EQ(::stat(layout->work(1).c_str(), &status), -1);
}

TEST(StagedSnapshot, LeavesNothingUnlessPublished) {
    const test::TempDir dir;
    const auto layout = Layout::open(dir.path());
    Trash trash(*layout, {});
    {
        auto never_published = StagedSnapshot::make(*layout, Kind::active);
        auto withdrawn = StagedSnapshot::make(*layout, Kind::active);
        ASSERT_TRUE(never_published && withdrawn && withdrawn->publish(1, trash));
        withdrawn->withdraw(1);
    }
    EXPECT_TRUE(layout->ids()->empty());
    struct stat staging{};
    ASSERT_EQ(::stat((dir / "staging").c_str(), &staging), 0);
    EXPECT_EQ(staging.st_nlink, 2U);
}

TEST(StagedSnapshot, DirectoryThatARolledBackTransactionLeftMakesRoom) {
    const test::TempDir dir;
    const auto layout = Layout::open(dir.path());
    Trash trash(*layout, {});
    ASSERT_EQ(::mkdir((dir / "snapshots/1").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((dir / "snapshots/1/old").c_str(), 0755), 0);
    auto staged = StagedSnapshot::make(*layout, Kind::active);
    const auto published = staged->publish(1, trash);
    ASSERT_TRUE(published) << published.error().message;
    EXPECT_EQ(mode_of(layout->upper(1)), 0755U);
    struct stat status{};
    EXPECT_EQ(::stat((dir / "snapshots/1/old").c_str(), &status), -1);
}

} // namespace
} // namespace lamina
