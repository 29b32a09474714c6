// SPDX-License-Identifier: Apache-2.0
// Layers that are applied before their parents are there, and get them at commit.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/snapshotter/core/applied_layer.h"
#include "tests/snapshotter/core/failing_store.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/manifest.h"

namespace lamina::test {
namespace {

class RebaseTest : public SnapshotterTest {
  protected:
    void SetUp() override {
        SnapshotterTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        commit_layer("sha256:base", "",
                     {dir("a", 0701).owner(3, 4).mtime(77).xattr("user.k", "v"),
                      dir("a/b", 0702).mtime(78), file("a/b/old"), file("old")});
    }

    // The usual way: each layer onto its parent.
    void commit_layer(const std::string& name, const std::string& parent, const Tree& layer) {
        const auto applied = apply_layer(*snapshotter_, prepare("k", parent), layer);
        ASSERT_TRUE(applied) << applied.error().message;
        commit(name, "k");
    }

    // Applied without its parents; its upper directory is fs(2).
    void apply_alone(const Tree& layer) {
        const auto applied =
            apply_layer(*snapshotter_, prepare(kExtractKey, "", kUpperLayer), layer);
        ASSERT_TRUE(applied) << applied.error().message;
    }

    Status commit_onto(const std::string& parent) {
        return snapshotter_->commit("sha256:top", kExtractKey, {}, parent);
    }
    void must_commit_onto(const std::string& parent) {
        const auto committed = commit_onto(parent);
        ASSERT_TRUE(committed) << committed.error().message;
    }

    std::string record() const { return options_.root + "/snapshots/2/rebase"; }

    // What du would say must be what was stored.
    void expect_true_usage() {
        const auto tree = open_directory(fs(2));
        EXPECT_EQ(snapshotter_->usage("sha256:top").value(), measure_usage(tree->get()).value());
    }

    void expect_inherited() {
        const Entry found = read_entry(fs(2) + "/a", "a");
        EXPECT_EQ(found.permission_bits, 0701U);
        EXPECT_EQ(found.uid, 3);
        EXPECT_EQ(found.gid, 4);
        EXPECT_EQ(found.mtime_seconds, 77);
        EXPECT_EQ(found.xattrs.at("user.k"), "v");
    }

    // Puts a store that fails as `plan_` says below the snapshotter.
    void reopen_with_faults() {
        snapshotter_.reset();
        auto store = SqliteStore::open(options_.root);
        ASSERT_TRUE(store);
        auto opened = OverlaySnapshotter::open(
            options_, std::make_unique<FailingStore>(*std::move(store), plan_));
        ASSERT_TRUE(opened);
        snapshotter_ = *std::move(opened);
    }

    void TearDown() override { snapshotter_.reset(); }

    FaultPlan plan_;
};

TEST_F(RebaseTest, ImpliedDirectoriesTakeWhatTheParentsHave) {
    apply_alone({file("a/new", "x")});
    must_commit_onto("sha256:base");
    expect_inherited();
    expect_true_usage();
}

TEST_F(RebaseTest, OpaqueRootHidesTheRootsOfTheParents) {
    apply_alone({opaque(""), file("new", "x")});
    must_commit_onto("sha256:base");
    for (const char* name : {"a", "old"}) {
        struct stat status{};
        ASSERT_EQ(::lstat((fs(2) + "/" + name).c_str(), &status), 0) << name;
        EXPECT_TRUE(S_ISCHR(status.st_mode)) << name;
    }
    expect_true_usage();
}

TEST_F(RebaseTest, EmptyLayerWithAnOpaqueRootHidesAll) {
    apply_alone({opaque("")});
    must_commit_onto("sha256:base");
    EXPECT_EQ(count_entries(fs(2)), 2);
}

TEST_F(RebaseTest, ParentsFurtherDownAreSeen) {
    commit_layer("sha256:middle", "sha256:base", {file("other")});
    snapshotter_->remove("none").error();
    const auto applied =
        apply_layer(*snapshotter_, prepare(kExtractKey, "", kUpperLayer), {file("a/b/new", "x")});
    ASSERT_TRUE(applied);
    must_commit_onto("sha256:middle");
    EXPECT_EQ(read_entry(fs(3) + "/a/b", "b").mtime_seconds, 78);
}

// A layer between the base and the one that implies two of the base's directories.
class RebaseOverSomethingElse : public RebaseTest {
  protected:
    void commit_between(const Tree& middle) {
        commit_layer("sha256:middle", "sha256:base", middle);
        const auto applied = apply_layer(*snapshotter_, prepare(kExtractKey, "", kUpperLayer),
                                         {file("a/b/new", "x")});
        ASSERT_TRUE(applied) << applied.error().message;
        must_commit_onto("sha256:middle");
    }
    Entry found(const std::string& name) const { return read_entry(fs(3) + "/" + name, name); }
};

// As containerd has it: pkg/archive/tar.go, mkparent.
TEST_F(RebaseOverSomethingElse, LinkThatLeadsNowhereDoesNotEndTheSearch) {
    commit_between({symlink("nowhere", "a")});
    EXPECT_EQ(found("a").permission_bits, 0701U);
    EXPECT_EQ(found("a").mtime_seconds, 77);
    EXPECT_EQ(found("a/b").permission_bits, 0702U);
    EXPECT_EQ(found("a/b").mtime_seconds, 78);
}

TEST_F(RebaseOverSomethingElse, LinkInsideAnOpaqueDirectoryEndsTheSearch) {
    commit_between({dir("a", 0705), opaque("a"), symlink("nowhere", "a/b")});
    EXPECT_EQ(found("a").permission_bits, 0705U);
    EXPECT_EQ(found("a/b").permission_bits, 0755U);
}

TEST_F(RebaseOverSomethingElse, LinkToADirectoryIsThatDirectory) {
    commit_between({dir("else", 0711), dir("else/b", 0712), symlink("else", "a")});
    EXPECT_EQ(found("a").permission_bits, 0711U);
    EXPECT_EQ(found("a/b").permission_bits, 0712U);
}

TEST_F(RebaseOverSomethingElse, FileEndsTheSearch) {
    commit_between({file("a", "x")});
    EXPECT_EQ(found("a").permission_bits, 0755U);
    EXPECT_EQ(found("a/b").permission_bits, 0755U);
}

TEST_F(RebaseOverSomethingElse, LinkToAFileOrInCirclesEndsTheSearch) {
    commit_between({symlink("circle", "a"), symlink("a", "circle")});
    EXPECT_EQ(found("a").permission_bits, 0755U);
    EXPECT_EQ(found("a/b").permission_bits, 0755U);
}

TEST_F(RebaseTest, ManyImpliedDirectoriesFindTheirsInManyLayers) {
    std::string parent = "sha256:base";
    for (int i = 0; i < 5; ++i) {
        const std::string name = "sha256:" + std::to_string(i);
        commit_layer(name, parent,
                     {dir("a", 0711),
                      dir("a/d" + std::to_string(i), 0720U + static_cast<unsigned>(i)),
                      dir("a/d" + std::to_string(i) + "/sub", 0730U + static_cast<unsigned>(i))});
        parent = name;
    }
    const auto applied =
        apply_layer(*snapshotter_, prepare(kExtractKey, "", kUpperLayer),
                    {file("a/b/new"), file("a/d0/sub/new"), file("a/d2/new"), file("a/d2/sub/new"),
                     file("a/d4/sub/deeper/new"), file("a/none/sub/new"), file("a/none/sub2/new"),
                     file("z/d0/new")});
    ASSERT_TRUE(applied) << applied.error().message;
    must_commit_onto(parent);
    const auto mode = [&](const std::string& name) {
        return read_entry(fs(7) + "/" + name, name).permission_bits;
    };
    EXPECT_EQ(mode("a"), 0711U);
    EXPECT_EQ(mode("a/b"), 0702U);
    EXPECT_EQ(mode("a/d0"), 0720U);
    EXPECT_EQ(mode("a/d0/sub"), 0730U);
    EXPECT_EQ(mode("a/d2"), 0722U);
    EXPECT_EQ(mode("a/d2/sub"), 0732U);
    EXPECT_EQ(mode("a/d4/sub"), 0734U);
    EXPECT_EQ(mode("a/d4/sub/deeper"), 0755U);
    EXPECT_EQ(mode("a/none"), 0755U);
    EXPECT_EQ(mode("a/none/sub2"), 0755U);
    EXPECT_EQ(mode("z/d0"), 0755U);
}

TEST_F(RebaseTest, RestartBetweenApplyAndCommitForgetsNothing) {
    apply_alone({file("a/new", "x"), opaque("")});
    EXPECT_TRUE(exists(record()));
    reopen();
    must_commit_onto("sha256:base");
    EXPECT_EQ(count_entries(fs(2)), 2); // own directory and the whiteout of `old`
    expect_true_usage();
}

TEST_F(RebaseTest, RestartDoesNotTakeInheritanceAway) {
    apply_alone({file("a/new", "x")});
    reopen();
    must_commit_onto("sha256:base");
    expect_inherited();
}

TEST_F(RebaseTest, RecordIsThereOnlyWhileItIsNeeded) {
    apply_alone({dir("a"), file("a/new", "x")});
    EXPECT_FALSE(exists(record()));
    ASSERT_TRUE(snapshotter_->remove(kExtractKey));
    const auto applied =
        apply_layer(*snapshotter_, prepare(kExtractKey, "", kUpperLayer), {file("a/new", "x")});
    ASSERT_TRUE(applied);
    const std::string third = options_.root + "/snapshots/3/rebase";
    EXPECT_TRUE(exists(third));
    must_commit_onto("sha256:base");
    EXPECT_FALSE(exists(third));
    EXPECT_EQ(count_entries(options_.root + "/staging"), 0);
}

TEST_F(RebaseTest, DamagedRecordIsNotTakenForNone) {
    apply_alone({file("a/new", "x")});
    ASSERT_EQ(::truncate(record().c_str(), 10), 0);
    EXPECT_EQ(code_of(commit_onto("sha256:base")), ErrorCode::data_loss);
    ASSERT_EQ(::truncate(record().c_str(), 0), 0); // as a power failure may leave it
    EXPECT_EQ(code_of(commit_onto("sha256:base")), ErrorCode::data_loss);
    EXPECT_TRUE(snapshotter_->remove(kExtractKey));
}

TEST_F(RebaseTest, CommitThatFailedCanBeTriedAgain) {
    apply_alone({opaque(""), file("new", "x")});
    reopen_with_faults();
    for (int n = 1;; ++n) {
        plan_.operations = 0;
        plan_.failing = n;
        const bool done = commit_onto("sha256:base").has_value();
        plan_.failing = 0;
        if (done) {
            break;
        }
    }
    EXPECT_EQ(count_entries(fs(2)), 3);
    expect_true_usage();
}

TEST_F(RebaseTest, RepeatedCommitCountsEachWhiteoutOnce) {
    reopen_with_faults();
    apply_alone({opaque(""), file("new", "x")});
    plan_.operations = 0;
    EXPECT_EQ(code_of(snapshotter_->commit("sha256:base", kExtractKey, {}, "sha256:base")),
              ErrorCode::already_exists);
    EXPECT_EQ(count_entries(fs(2)), 1); // what must fail changes nothing
    for (plan_.failing = 1; !commit_onto("sha256:base"); plan_.operations = 0) {
        ++plan_.failing;
    }
    expect_true_usage();
}

TEST_F(RebaseTest, DiscardedLayerLeavesNoRecord) {
    const Mounts mounts = prepare(kExtractKey, "", kUpperLayer);
    {
        auto hold = snapshotter_->hold_for_apply(mounts);
        ASSERT_TRUE(hold);
        RebaseWork work;
        work.root_is_opaque = true;
        ASSERT_TRUE(hold->succeed({{1, 0}, 0, work}));
        ASSERT_TRUE(hold->discard());
    }
    EXPECT_FALSE(exists(record()));
    must_commit_onto("sha256:base");
    EXPECT_EQ(count_entries(fs(2)), 0);
}

TEST_F(RebaseTest, SecondLayerIsRefused) {
    apply_alone({file("a/new", "x")});
    const Mounts mounts = snapshotter_->mounts(kExtractKey).value();
    EXPECT_EQ(code_of(snapshotter_->hold_for_apply(mounts)), ErrorCode::failed_precondition);
    must_commit_onto("sha256:base");
    expect_inherited();
}

class RebaseSync : public RebaseTest {
  protected:
    void SetUp() override {
        options_.sync = [this](int tree) {
            struct stat status{};
            EXPECT_EQ(::fstatat(tree, "a", &status, 0), 0);
            modes_at_sync_.push_back(status.st_mode & 07777U);
            return synced_;
        };
        RebaseTest::SetUp();
    }
    // A layer whose request asked for it to be on the disk.
    void apply_alone_onto_disk(bool is_on_disk) {
        auto hold = snapshotter_->hold_for_apply(prepare(kExtractKey, "", kUpperLayer));
        ASSERT_TRUE(hold);
        make_tree(fs(2), {dir("a")});
        RebaseWork work;
        work.add_implied({"a"});
        ASSERT_TRUE(hold->succeed({{2, 0}, 0, work, is_on_disk}));
    }

    Status synced_; // what a sync answers
    std::vector<unsigned> modes_at_sync_;
};

TEST_F(RebaseSync, CommitSyncsWhatItChangedWhereTreesAreToBeOnTheDisk) {
    options_.sync_trees = true;
    reopen();
    apply_alone_onto_disk(false);
    must_commit_onto("sha256:base");
    EXPECT_THAT(modes_at_sync_, testing::ElementsAre(0701U));
}

TEST_F(RebaseSync, CommitSyncsWhatItChangedInALayerThatIsOnTheDisk) {
    apply_alone_onto_disk(true);
    must_commit_onto("sha256:base");
    EXPECT_THAT(modes_at_sync_, testing::ElementsAre(0701U));
}

TEST_F(RebaseSync, CommitAfterARestartSyncsSinceNobodyKnows) {
    apply_alone_onto_disk(true);
    reopen();
    must_commit_onto("sha256:base");
    EXPECT_THAT(modes_at_sync_, testing::ElementsAre(0701U));
}

TEST_F(RebaseSync, CommitOfOtherLayersDoesNotSync) {
    apply_alone_onto_disk(false);
    must_commit_onto("sha256:base");
    EXPECT_THAT(modes_at_sync_, testing::IsEmpty());
}

TEST_F(RebaseSync, CommitFailsWhenTheDiskDoes) {
    apply_alone_onto_disk(true);
    synced_ = fail(ErrorCode::internal, "the disk is gone");
    EXPECT_EQ(code_of(commit_onto("sha256:base")), ErrorCode::internal);
    synced_ = {};
    must_commit_onto("sha256:base");
}

TEST_F(RebaseTest, RootTakesTheOwnerOfTheParents) {
    ASSERT_EQ(::chown(fs(1).c_str(), 12, 34), 0);
    apply_alone({file("new", "x")});
    must_commit_onto("sha256:base");
    EXPECT_EQ(read_entry(fs(2), "").uid, 12);
    EXPECT_EQ(read_entry(fs(2), "").gid, 34);
}

TEST_F(RebaseTest, BaseLayerLosesItsMarksAlsoAfterARestart) {
    apply_alone({opaque(""), whiteout("gone"), opaque("d"), file("d/f", "x")});
    reopen();
    must_commit_onto("");
    EXPECT_EQ(count_entries(fs(2)), 1);
    EXPECT_THAT(read_entry(fs(2) + "/d", "d").xattrs, testing::IsEmpty());
    EXPECT_FALSE(exists(record()));
    expect_true_usage();
}

} // namespace
} // namespace lamina::test
