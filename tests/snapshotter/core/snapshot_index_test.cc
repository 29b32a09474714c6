// SPDX-License-Identifier: Apache-2.0
// An index is kept of trees that one Apply made and nobody else had, and of no others.
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "snapshotter/core/snapshot_index.h"
#include "tests/snapshotter/core/applied_layer.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/recorded_index.h"
#include "unpacker/index/index_tree.h"

namespace lamina::test {
namespace {

class SnapshotIndexTest : public SnapshotterTest {
  protected:
    [[nodiscard]] std::string index_file(int id) const {
        return options_.root + "/snapshots/" + std::to_string(id) + "/index";
    }
    [[nodiscard]] bool has_index(int id) const { return std::filesystem::exists(index_file(id)); }

    void apply(const Mounts& mounts, const Tree& layer) {
        const auto applied = apply_layer(*snapshotter_, mounts, layer);
        ASSERT_TRUE(applied) << applied.error().message;
    }

    [[nodiscard]] std::string walked(int id) const {
        const Fd root = *open_directory(fs(id));
        return shown(*index_tree(root.get(), OverlayXattrs::trusted));
    }

    // What a user of the index gets, which must be what is in the tree.
    void expect_true_index(int id) const {
        const Layout layout = *Layout::open(options_.root);
        const auto index =
            index_of_snapshot(layout, static_cast<SnapshotId>(id), OverlayXattrs::trusted, {});
        ASSERT_TRUE(index) << index.error().message;
        EXPECT_EQ(shown(*index), walked(id));
    }

    // A committed base layer, id 1.
    void make_base() {
        apply(prepare("a"), {dir("d"), file("d/f", "content")});
        commit("A", "a");
    }
};

TEST_F(SnapshotIndexTest, AnAppliedLayerHasItsIndexAndNobodyWalks) {
    make_base();
    ASSERT_TRUE(has_index(1));
    expect_true_index(1);
    // What a walk would see, and the file does not know.
    ASSERT_EQ(::chmod((fs(1) + "/d/f").c_str(), 0777), 0);
    const Layout layout = *Layout::open(options_.root);
    EXPECT_NE(shown(*index_of_snapshot(layout, 1, OverlayXattrs::trusted, {})), walked(1));
    EXPECT_EQ(count_entries(options_.root + "/staging"), 0);
}

TEST_F(SnapshotIndexTest, ALayerOnOthersHasItToo) {
    make_base();
    apply(prepare("b", "A"), {file("d/g"), whiteout("d/f"), file("e/implied")});
    commit("B", "b");
    EXPECT_TRUE(has_index(2));
    expect_true_index(2);
}

TEST_F(SnapshotIndexTest, GoesWithItsSnapshot) {
    make_base();
    ASSERT_TRUE(snapshotter_->remove("A"));
    EXPECT_FALSE(has_index(1));
    const Layout layout = *Layout::open(options_.root);
    EXPECT_EQ(code_of(index_of_snapshot(layout, 1, OverlayXattrs::trusted, {})),
              ErrorCode::not_found);
}

TEST_F(SnapshotIndexTest, WhoAsksForMountsMayWrite) {
    apply(prepare("a"), {file("f")});
    ASSERT_TRUE(snapshotter_->mounts("a"));
    write_file(fs(1) + "/f", "longer than before");
    commit("A", "a");
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
}

TEST_F(SnapshotIndexTest, AMountLeavesItsTrace) {
    make_base();
    apply(prepare("b", "A"), {file("f")});
    const std::string workdir = options_.root + "/snapshots/2/work";
    ASSERT_EQ(::mkdir((workdir + "/work").c_str(), 0), 0); // overlayfs does
    commit("B", "b");
    EXPECT_FALSE(has_index(2));
}

TEST_F(SnapshotIndexTest, ASecondLayerInOneSnapshotEndsIt) {
    const Mounts mounts = prepare("a");
    apply(mounts, {file("f")});
    EXPECT_TRUE(has_index(1));
    apply(mounts, {file("g")});
    commit("A", "a");
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
}

// The first one leaves the directory as empty as it was, and an index; the second leaves none.
TEST_F(SnapshotIndexTest, ALayerAfterAnEmptyOneDoesNotTakeItsIndex) {
    const Mounts mounts = prepare("a");
    apply(mounts, {});
    EXPECT_TRUE(has_index(1));
    ApplyHold held = *snapshotter_->hold_for_apply(mounts);
    write_file(fs(1) + "/f", "x");
    ASSERT_TRUE(held.succeed({{2, 4096}, 0}));
    {
        const ApplyHold gone = std::move(held);
    }
    commit("A", "a");
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
}

TEST_F(SnapshotIndexTest, ALayerThatFailsLeavesNone) {
    const Mounts mounts = prepare("a");
    EXPECT_FALSE(apply_layer(*snapshotter_, mounts, {file("f"), hard_link("missing", "g")}));
    EXPECT_FALSE(has_index(1));
    EXPECT_EQ(count_entries(options_.root + "/snapshots/1"), 2); // fs, work
    apply(mounts, {file("f")});
    commit("A", "a");
    EXPECT_TRUE(has_index(1));
    expect_true_index(1);
}

TEST_F(SnapshotIndexTest, ARestartForgetsWhoWrote) {
    apply(prepare("a"), {file("f")});
    reopen();
    commit("A", "a");
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
}

TEST_F(SnapshotIndexTest, ATreeOfAContainerIsWalkedOnceAndThenKnown) {
    (void)prepare("a");
    write_file(fs(1) + "/f", "x");
    commit("A", "a");
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
    EXPECT_TRUE(has_index(1));
    expect_true_index(1);
    EXPECT_EQ(count_entries(options_.root + "/staging"), 0);
}

TEST_F(SnapshotIndexTest, MarksInTheOtherFormAreNeverTakenFromTheFile) {
    (void)prepare("a");
    make_tree(fs(1), {dir("d").xattr("user.overlay.opaque", "y")});
    commit("A", "a");
    const Layout layout = *Layout::open(options_.root);
    const auto user = index_of_snapshot(layout, 1, OverlayXattrs::user, {});
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
    EXPECT_EQ(shown(*index_of_snapshot(layout, 1, OverlayXattrs::user, {})), shown(*user));
    EXPECT_NE(shown(*user), walked(1));
}

TEST_F(SnapshotIndexTest, ALayerWithoutParentsKeepsItIfCommitChangesNothing) {
    make_base();
    apply(prepare(kExtractKey, "", kUpperLayer), {dir("d"), whiteout("d/f"), file("d/g")});
    commit("B", kExtractKey, "A");
    EXPECT_TRUE(has_index(2));
    expect_true_index(2);
}

TEST_F(SnapshotIndexTest, ALayerWithoutParentsLosesItToWhatCommitChanges) {
    make_base();
    apply(prepare(kExtractKey, "", kUpperLayer), {file("d/g")}); // "d" is implied
    EXPECT_FALSE(has_index(2));
    commit("B", kExtractKey, "A");
    EXPECT_FALSE(has_index(2));
    expect_true_index(2);
}

TEST_F(SnapshotIndexTest, ALayerThatIsABaseAfterAllLosesWhiteoutsAndIndex) {
    apply(prepare(kExtractKey, "", kUpperLayer), {dir("d"), whiteout("d/f"), file("d/g")});
    EXPECT_TRUE(has_index(1));
    commit("A", kExtractKey);
    EXPECT_FALSE(has_index(1));
    expect_true_index(1);
}

TEST_F(SnapshotIndexTest, AnOwnerOfTheRootThatCommitGivesIsNoticed) {
    make_base();
    ASSERT_EQ(::chown(fs(1).c_str(), 5, 6), 0);
    apply(prepare(kExtractKey, "", kUpperLayer), {dir("d"), file("d/g")});
    commit("B", kExtractKey, "A");
    expect_true_index(2);
}

TEST_F(SnapshotIndexTest, AStagedTreeBringsItAlong) {
    make_base();
    const Mounts mounts = prepare("b", "A");
    {
        StagedTree tree = *snapshotter_->stage_tree();
        MemoryBlob blob(tar({dir("d"), file("d/g")}));
        const auto report = unpack_layer(blob, Encoding::plain,
                                         {.root = tree.path(),
                                          .whiteouts = WhiteoutMode::overlay,
                                          .lowerdirs = {},
                                          .index = tree.index_file()},
                                         {}, {});
        ASSERT_TRUE(report && report->is_indexed);
        ApplyHold held = *snapshotter_->hold_for_apply(mounts);
        ASSERT_TRUE(held.adopt(tree));
        ASSERT_TRUE(held.succeed(
            {.usage = report->usage, .whiteouts = report->whiteouts, .is_indexed = true}));
    }
    commit("B", "b");
    EXPECT_TRUE(has_index(2));
    expect_true_index(2);
    EXPECT_EQ(count_entries(options_.root + "/staging"), 0);
}

TEST_F(SnapshotIndexTest, ADamagedFileIsMadeAnew) {
    make_base();
    const auto size = std::filesystem::file_size(index_file(1));
    for (const auto cut : {size - 1, uintmax_t{0}, uintmax_t{20}}) {
        std::filesystem::resize_file(index_file(1), cut);
        expect_true_index(1);
        EXPECT_EQ(std::filesystem::file_size(index_file(1)), size);
    }
    std::fstream(index_file(1)).seekp(30).put('!');
    expect_true_index(1);
    std::filesystem::remove(index_file(1));
    std::filesystem::create_symlink("/etc/passwd", index_file(1));
    expect_true_index(1);
    EXPECT_EQ(std::filesystem::file_size(index_file(1)), size);
}

TEST_F(SnapshotIndexTest, TheIndexOfAnotherTreeIsNotBelieved) {
    make_base();
    (void)prepare("b");
    write_file(fs(2) + "/other", "x");
    commit("B", "b");
    std::filesystem::copy_file(index_file(1), index_file(2));
    expect_true_index(2);
}

} // namespace
} // namespace lamina::test
