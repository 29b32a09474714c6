// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"

namespace lamina {
namespace {

using test::code_of;
using OverlaySnapshotterTest = test::SnapshotterTest;

TEST_F(OverlaySnapshotterTest, SecondSnapshotterOfOneRootIsRefused) {
    EXPECT_EQ(code_of(test::open_snapshotter(options_)), ErrorCode::failed_precondition);
}

TEST_F(OverlaySnapshotterTest, MountsStayWhenTheConfigurationChanges) {
    const Labels mappings = {{"containerd.io/snapshot/uidmapping", "0:666:10"}};
    (void)prepare("a");
    commit("base", "a");
    const Mounts active = prepare("active", "base", mappings);
    const Mounts view = snapshotter_->view("view", "base", {}).value();
    options_.mount_options = {"volatile"};
    options_.remap_ids = true;
    reopen();
    EXPECT_EQ(snapshotter_->mounts("active").value(), active);
    EXPECT_EQ(snapshotter_->mounts("view").value(), view);
    EXPECT_NE(prepare("later", "base", mappings).front().options.size(),
              active.front().options.size());
}

TEST_F(OverlaySnapshotterTest, MountsStayWhenLabelsChange) {
    options_.remap_ids = true;
    reopen();
    const Mounts before = prepare("k", "", {{"containerd.io/snapshot/uidmapping", "0:666:10"}});
    Info info;
    info.name = "k";
    ASSERT_TRUE(snapshotter_->update(info, {}));
    EXPECT_EQ(snapshotter_->mounts("k").value(), before);
}

TEST_F(OverlaySnapshotterTest, CommittedSnapshotHasNoMounts) {
    (void)prepare("a");
    commit("base", "a");
    EXPECT_EQ(code_of(snapshotter_->mounts("base")), ErrorCode::failed_precondition);
    EXPECT_EQ(code_of(snapshotter_->mounts("missing")), ErrorCode::not_found);
}

TEST_F(OverlaySnapshotterTest, UpperdirLabelIsShownOnlyWhenAskedFor) {
    const std::string label = "containerd.io/snapshot/overlay.upperdir";
    (void)prepare("k");
    EXPECT_FALSE(snapshotter_->stat("k")->labels.contains(label));
    options_.upperdir_label = true;
    reopen();
    EXPECT_EQ(snapshotter_->stat("k")->labels[label], fs(1));
    Info info;
    info.name = "k";
    EXPECT_EQ(snapshotter_->update(info, {})->labels[label], fs(1));
    ASSERT_TRUE(snapshotter_->walk({}, [&](const Info& each) -> Status {
        EXPECT_EQ(each.labels.at(label), fs(1));
        return {};
    }));
}

TEST_F(OverlaySnapshotterTest, UpperBelongsToTheParentsOwnerWithoutItsMode) {
    (void)prepare("a");
    ASSERT_EQ(::chown(fs(1).c_str(), 12, 34), 0);
    ASSERT_EQ(::chmod(fs(1).c_str(), 0700), 0);
    commit("base", "a");
    (void)prepare("b", "base");
    struct stat status{};
    ASSERT_EQ(::stat(fs(2).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 12U);
    EXPECT_EQ(status.st_gid, 34U);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
}

TEST_F(OverlaySnapshotterTest, UsageIsLiveStoredOrNothing) {
    (void)prepare("a");
    EXPECT_EQ(snapshotter_->usage("a")->inodes, 1U);
    test::write_file(fs(1) + "/file", "x");
    EXPECT_EQ(snapshotter_->usage("a")->inodes, 2U);
    commit("base", "a");
    test::write_file(fs(1) + "/late", "x"); // nobody does; shows that nothing is walked
    EXPECT_EQ(snapshotter_->usage("base")->inodes, 2U);
    ASSERT_TRUE(snapshotter_->view("v", "base", {}));
    EXPECT_EQ(snapshotter_->usage("v").value(), Usage{});
}

TEST_F(OverlaySnapshotterTest, NamesMustNotBeEmptyAndLabelsNotTooLong) {
    const Labels too_long = {{"k", std::string(4096, 'v')}};
    EXPECT_EQ(code_of(snapshotter_->prepare("", "", {})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(snapshotter_->prepare("k", "", too_long)), ErrorCode::invalid_argument);
    (void)prepare("k", "", {{"empty", ""}, {"l", "v"}});
    EXPECT_EQ(snapshotter_->stat("k")->labels, (Labels{{"l", "v"}}));
    EXPECT_EQ(code_of(snapshotter_->commit("", "k", {}, "")), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(snapshotter_->commit("n", "k", too_long, "")), ErrorCode::invalid_argument);
}

TEST_F(OverlaySnapshotterTest, RemovedTreeIsDeletedInTheBackground) {
    (void)prepare("k");
    test::write_file(fs(1) + "/file", "x");
    ASSERT_TRUE(snapshotter_->remove("k"));
    EXPECT_FALSE(test::exists(fs(1)));
    EXPECT_TRUE(
        test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
}

TEST_F(OverlaySnapshotterTest, StartCollectsWhatACrashLeft) {
    (void)prepare("kept");
    snapshotter_.reset();
    for (const char* rubbish : {"/snapshots/99/fs", "/staging/new-1/fs", "/trash/7/fs"}) {
        std::filesystem::create_directories(options_.root + rubbish);
    }
    reopen();
    EXPECT_TRUE(test::exists(fs(1)));
    EXPECT_FALSE(test::exists(fs(99)));
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
    EXPECT_TRUE(
        test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
}

TEST_F(OverlaySnapshotterTest, StartIsRefusedWithoutTheMetadataOfTheTrees) {
    (void)prepare("k");
    test::write_file(fs(1) + "/file", "x");
    snapshotter_.reset();
    for (const char* file : {"/metadata.db", "/metadata.db-wal", "/metadata.db-shm"}) {
        std::filesystem::remove(options_.root + file);
    }
    for (int start = 1; start <= 2; ++start) { // the first one makes a new metadata.db
        EXPECT_EQ(code_of(test::open_snapshotter(options_)), ErrorCode::failed_precondition);
    }
    EXPECT_TRUE(test::exists(fs(1) + "/file"));
}

TEST_F(OverlaySnapshotterTest, StartIsRefusedWithMetadataOlderThanTheTrees) {
    (void)prepare("old");
    snapshotter_.reset();
    const std::string database = options_.root + "/metadata.db";
    std::filesystem::copy(database, work_ / "backup");
    reopen();
    (void)prepare("new");
    test::write_file(fs(2) + "/file", "x");
    snapshotter_.reset();
    std::filesystem::rename(work_ / "backup", database);
    EXPECT_EQ(code_of(test::open_snapshotter(options_)), ErrorCode::failed_precondition);
    EXPECT_TRUE(test::exists(fs(2) + "/file"));
}

TEST_F(OverlaySnapshotterTest, StartCollectsTheTreeOfARemovedSnapshot) {
    (void)prepare("k");
    ASSERT_TRUE(snapshotter_->remove("k"));
    snapshotter_.reset();
    std::filesystem::create_directories(fs(1));
    test::write_file(fs(1) + "/file", "x"); // as if the crash came before the rename
    reopen();
    EXPECT_FALSE(test::exists(fs(1)));
}

TEST_F(OverlaySnapshotterTest, PrepareSucceedsWhereADirectoryWithoutSnapshotIsInItsWay) {
    std::filesystem::create_directories(fs(1) + "/old");
    (void)prepare("k");
    EXPECT_EQ(test::count_entries(fs(1)), 0);
}

TEST_F(OverlaySnapshotterTest, CleanupCollectsDirectoriesWithoutSnapshot) {
    (void)prepare("kept");
    std::filesystem::create_directories(fs(99));
    ASSERT_TRUE(snapshotter_->cleanup());
    EXPECT_FALSE(test::exists(fs(99)));
    EXPECT_TRUE(test::exists(fs(1)));
}

TEST_F(OverlaySnapshotterTest, FilesystemWithoutOverlaySupportIsRefused) {
    OverlayOptions options;
    options.root = "/proc/lamina";
    EXPECT_FALSE(test::open_snapshotter(options));
    options.root = "/tmp/with,comma";
    auto store = SqliteStore::open(work_ / "elsewhere");
    EXPECT_EQ(code_of(OverlaySnapshotter::open(options, *std::move(store))),
              ErrorCode::invalid_argument);
}

TEST_F(OverlaySnapshotterTest, MountOptionsThatNoMountCanHaveAreRefusedByName) {
    snapshotter_.reset();
    for (const char* option : {"metacopy=on,volatile", "ro", "upperdir=/tmp", "lowerdir=/tmp",
                               "workdir=/tmp", "volatil", "index=maybe", ""}) {
        options_.mount_options = {"noatime", option};
        const auto opened = test::open_snapshotter(options_);
        EXPECT_EQ(code_of(opened), ErrorCode::invalid_argument) << option;
        EXPECT_NE(opened.error().message.find(option), std::string::npos) << opened.error().message;
    }
    EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
    options_.mount_options = {"noatime", "volatile", "metacopy=on"};
    reopen();
}

class RebasedLayer : public test::SnapshotterTest {
  protected:
    // What an Apply writes into the upper directory of an overlay: "deleted" hidden, "opaque" cut.
    void write_whiteouts(int id) {
        ASSERT_EQ(::mkdir((fs(id) + "/opaque").c_str(), 0755), 0);
        ASSERT_EQ(::mknod((fs(id) + "/deleted").c_str(), S_IFCHR, makedev(0, 0)), 0);
        ASSERT_EQ(::setxattr((fs(id) + "/opaque").c_str(), kOpaque, "y", 1, 0), 0);
    }
    bool has_whiteouts(int id) const {
        const bool deleted = test::exists(fs(id) + "/deleted");
        const bool opaque = ::getxattr((fs(id) + "/opaque").c_str(), kOpaque, nullptr, 0) == 1;
        EXPECT_EQ(deleted, opaque);
        return deleted || opaque;
    }

    static constexpr const char* kOpaque = "trusted.overlay.opaque";
};

TEST_F(RebasedLayer, HasAnOverlayMountThatTheKernelTakes) {
    const Mounts mounts = prepare(test::kExtractKey, "", test::kUpperLayer);
    ASSERT_EQ(mounts.front().type, "overlay");
    EXPECT_EQ(mounts.front().options[2], "lowerdir=" + options_.root + "/snapshots/empty");
    EXPECT_TRUE(test::exists(options_.root + "/snapshots/empty"));
}

TEST_F(RebasedLayer, KeepsItsWhiteoutsWhenCommittedOntoAParent) {
    (void)prepare("a");
    commit("base", "a");
    (void)prepare(test::kExtractKey, "", test::kUpperLayer);
    write_whiteouts(2);
    commit("layer", test::kExtractKey, "base");
    EXPECT_TRUE(has_whiteouts(2));
    EXPECT_EQ(snapshotter_->stat("layer")->parent, "base");
    EXPECT_EQ(code_of(snapshotter_->remove("base")), ErrorCode::failed_precondition);
}

TEST_F(RebasedLayer, LosesItsWhiteoutsWhenCommittedWithoutParent) {
    (void)prepare(test::kExtractKey, "", test::kUpperLayer);
    write_whiteouts(1);
    commit("layer", test::kExtractKey);
    EXPECT_FALSE(has_whiteouts(1));
    EXPECT_EQ(snapshotter_->usage("layer")->inodes, 2U); // the root and "opaque"
}

TEST_F(RebasedLayer, KeepsItsWhiteoutsWhenCommitIsRefused) {
    (void)prepare("taken");
    (void)prepare(test::kExtractKey, "", test::kUpperLayer);
    write_whiteouts(2);
    EXPECT_EQ(code_of(snapshotter_->commit("taken", test::kExtractKey, {}, "")),
              ErrorCode::already_exists);
    EXPECT_TRUE(has_whiteouts(2));
}

TEST_F(RebasedLayer, OrdinarySnapshotWithoutParentKeepsItsDevices) {
    (void)prepare("ordinary");
    write_whiteouts(1);
    commit("layer", "ordinary");
    EXPECT_TRUE(has_whiteouts(1));
}

} // namespace
} // namespace lamina
