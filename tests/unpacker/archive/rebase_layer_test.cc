// SPDX-License-Identifier: Apache-2.0
// A layer unpacked without the layers below it, and put onto them later.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/unpacker/archive/archive_test.h"
#include "unpacker/layer/rebase_layer.h"
#include "unpacker/tree/usage.h"

namespace lamina::test {
namespace {

class Rebase : public ArchiveTest {
  protected:
    void prepare() override { make_tree(temp_.path(), {dir("near"), dir("far")}); }

    [[nodiscard]] std::vector<std::string> lowerdirs() const {
        return {temp_ / "near", temp_ / "far"};
    }

    // Unpacks without the lowerdirs, and keeps what is left to do.
    void unpack_alone(const Tree& entries) {
        auto result = unpack_overlay(tar(entries));
        ASSERT_TRUE(result) << result.error().message;
        left_ = result->rebase;
        counted_ = result->usage;
    }

    Result<RebaseChange> rebase_onto(const std::vector<std::string>& layers) {
        TRY_ASSIGN(const Fd tree, open_directory(root()));
        return rebase_layer(tree.get(), left_, layers);
    }
    Result<RebaseChange> rebase() { return rebase_onto(lowerdirs()); }

    // What the report says after the change must be what is there.
    void must_rebase() {
        const auto change = rebase();
        ASSERT_TRUE(change) << change.error().message;
        const auto tree = open_directory(root());
        const auto measured = measure_usage(tree->get());
        EXPECT_EQ(counted_.inodes + change->added.inodes, measured->inodes);
        EXPECT_EQ(counted_.size_bytes + change->added.size_bytes, measured->size_bytes);
        changed_ = *change;
    }

    RebaseWork left_;
    Usage counted_;
    RebaseChange changed_;
};
LAMINA_EVERY_WAY(Rebase);

TEST_P(Rebase, ImpliedDirectoryTakesWhatTheNearestLayerHas) {
    make_tree(temp_ / "near",
              {dir("a"), dir("a/b", 0701).owner(3, 4).mtime(77).xattr("user.k", "v")});
    make_tree(temp_ / "far", {dir("a"), dir("a/b", 0777), dir("c", 0711).mtime(78)});
    unpack_alone({file("a/b/f", "x"), file("c/f", "x"), file("d/f", "x")});
    EXPECT_EQ(read_entry(at("a/b"), "b").permission_bits, 0755U);
    must_rebase();
    const Entry found = read_entry(at("a/b"), "b");
    EXPECT_EQ(found.permission_bits, 0701U);
    EXPECT_EQ(found.uid, 3);
    EXPECT_EQ(found.gid, 4);
    EXPECT_EQ(found.mtime_seconds, 77);
    EXPECT_EQ(found.xattrs.at("user.k"), "v");
    EXPECT_EQ(read_entry(at("c"), "c").mtime_seconds, 78);
    EXPECT_EQ(read_entry(at("d"), "d").permission_bits, 0755U);
}

TEST_P(Rebase, DirectoryWithAnEntryKeepsItsOwn) {
    make_tree(temp_ / "near", {dir("a", 0711).owner(3, 4)});
    unpack_alone({file("a/f", "x"), dir("a", 0750).mtime(5)});
    EXPECT_TRUE(left_.empty());
    must_rebase();
    EXPECT_EQ(read_entry(at("a"), "a").permission_bits, 0750U);
}

TEST_P(Rebase, HiddenDirectoriesTakeNothing) {
    make_tree(temp_ / "near", {dir("a", 0711), dir("a/b", 0711), dir("c", 0711), dir("c/d", 0711)});
    unpack_alone({opaque("a"), file("a/b/f", "x"), whiteout("c/d"), file("c/d/f", "x")});
    must_rebase();
    EXPECT_EQ(read_entry(at("a"), "a").permission_bits, 0711U); // the mark hides what is in it
    EXPECT_EQ(read_entry(at("a/b"), "b").permission_bits, 0755U);
    EXPECT_EQ(read_entry(at("c"), "c").permission_bits, 0711U);
    EXPECT_EQ(read_entry(at("c/d"), "d").permission_bits, 0755U);
}

TEST_P(Rebase, OpaqueRootHidesEveryNameOfTheRootsBelow) {
    make_tree(temp_ / "near", {dir("a"), file("near"), file("own")});
    make_tree(temp_ / "far", {file("far"), file("near")});
    unpack_alone({opaque(""), file("own", "x"), file("a/f", "x")});
    must_rebase();
    EXPECT_EQ(changed_.whiteouts, 2U);
    for (const char* name : {"near", "far"}) {
        struct stat status{};
        ASSERT_EQ(::lstat(at(name).c_str(), &status), 0) << name;
        EXPECT_TRUE(S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) << name;
    }
    EXPECT_EQ(read_file(at("own")), "x");
    EXPECT_EQ(read_file(at("a/f")), "x");
}

TEST_P(Rebase, IsTheSameWhenItIsDoneAgain) {
    make_tree(temp_ / "near", {dir("a", 0701).mtime(77).xattr("user.k", "v"), file("near")});
    unpack_alone({opaque(""), file("b/f", "x")});
    must_rebase();
    const std::string once = manifest_of_root();
    const auto again = rebase();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->added, Usage());
    EXPECT_EQ(again->whiteouts, 0U);
    EXPECT_EQ(manifest_of_root(), once);
}

// Somebody who mounted the tree since.
TEST_P(Rebase, DirectoriesThatHaveGoneArePassedOver) {
    make_tree(temp_ / "near", {dir("a", 0701), dir("b", 0702), dir("c", 0703), dir("c/d", 0704)});
    unpack_alone({file("a/f"), file("b/f"), file("c/d/f")});
    ASSERT_EQ(::rename(at("a").c_str(), at("elsewhere").c_str()), 0);
    ASSERT_EQ(::symlink("../outside", at("a").c_str()), 0);
    ASSERT_EQ(::rename(at("c").c_str(), at("moved").c_str()), 0);
    const auto change = rebase();
    ASSERT_TRUE(change) << change.error().message;
    EXPECT_EQ(read_entry(at("b"), "b").permission_bits, 0702U);
    EXPECT_EQ(read_entry(at("moved"), "moved").permission_bits, 0755U);
}

TEST_P(Rebase, LayersThatAreMissingAreAnError) {
    unpack_alone({file("a/f")});
    EXPECT_FALSE(rebase_onto({temp_ / "near", temp_ / "missing"}));
}

TEST_P(Rebase, NothingIsLeftWhereTheLayersWereKnown) {
    make_tree(temp_ / "near", {dir("a", 0701)});
    auto result = unpack_overlay(tar({opaque(""), file("a/f", "x")}), lowerdirs());
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->rebase.empty());
}

} // namespace
} // namespace lamina::test
