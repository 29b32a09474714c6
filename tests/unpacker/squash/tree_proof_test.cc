// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {
namespace {

using namespace test;

class TreeProof : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: sets owners and makes devices";
        }
    }

    // Makes a layer and puts it on the stack.
    void add(StackedLayers& stack, const Tree& tree) {
        const std::string name = std::to_string(roots_.size());
        make_tree(temp_.path(), {dir(name)});
        make_tree(temp_ / name, tree);
        roots_.push_back(*open_directory(temp_ / name));
        indexes_.push_back(
            std::make_unique<LayerIndex>(*index_tree(roots_.back().get(), OverlayXattrs::trusted)));
        stack.roots.insert(stack.roots.begin(), roots_.back().get());
        stack.indexes.insert(stack.indexes.begin(), indexes_.back().get());
    }

    static std::string compare(const StackedLayers& before, const StackedLayers& after,
                               size_t shared = 0, std::optional<int64_t> mtime_max = {}) {
        const auto found = first_difference(before, after, shared, mtime_max, {});
        EXPECT_TRUE(found) << found.error().message;
        return !found ? "error" : *found ? (*found)->path + ": " + (*found)->what : "";
    }

    std::string compare_trees(const Tree& before, const Tree& after) {
        StackedLayers one;
        StackedLayers other;
        add(one, before);
        add(other, after);
        return compare(one, other);
    }

    TempDir temp_;
    std::vector<Fd> roots_;
    std::vector<std::unique_ptr<LayerIndex>> indexes_;
};

const Tree kTree = {dir("d"),
                    file("d/a", std::string(600'000, 'a')),
                    hard_link("d/a", "d/b"),
                    file("d/c", "c").xattr("user.k", "v"),
                    symlink("target", "link"),
                    char_device("null", 1, 3),
                    file("z", "z")};

TEST_F(TreeProof, SameTreesHaveNoDifference) {
    EXPECT_EQ(compare_trees(kTree, kTree), "");
    EXPECT_EQ(compare_trees({}, {}), "");
}

TEST_F(TreeProof, EveryFieldCounts) {
    const auto changed = [](size_t at, test::Entry entry) {
        Tree tree = kTree;
        tree[at] = std::move(entry);
        return tree;
    };
    std::string other_content(600'000, 'a');
    other_content[599'999] = 'b';
    EXPECT_EQ(compare_trees(kTree, changed(0, dir("d", 0700))), "d: mode");
    EXPECT_EQ(compare_trees(kTree, changed(0, dir("d").mtime(1'600'000'000, 1))), "d: mtime");
    EXPECT_EQ(compare_trees(kTree, changed(1, file("d/a", other_content))), "d/a: content");
    EXPECT_EQ(compare_trees(kTree, changed(2, file("d/b", std::string(600'000, 'a')))),
              "d/b: hard link");
    EXPECT_EQ(compare_trees(kTree, changed(3, file("d/c", "c").xattr("user.k", "w"))),
              "d/c: xattrs");
    EXPECT_EQ(compare_trees(kTree, changed(3, file("d/c", "c"))), "d/c: xattrs");
    EXPECT_EQ(compare_trees(kTree, changed(4, symlink("other", "link"))), "link: target");
    EXPECT_EQ(compare_trees(kTree, changed(5, char_device("null", 1, 5))), "null: device");
    EXPECT_EQ(compare_trees(kTree, changed(5, fifo("null", 0600))), "null: type");
    EXPECT_EQ(compare_trees(kTree, changed(6, file("z", "zz"))), "z: size");
    EXPECT_EQ(compare_trees(kTree, changed(6, file("z", "z").owner(0, 1))), "z: owner");
    EXPECT_EQ(compare_trees(kTree, changed(6, file("y", "z"))), "y: not in the source");
    EXPECT_EQ(compare_trees(kTree, changed(6, file("zz", "z"))), "z: missing");
    EXPECT_EQ(compare_trees(kTree, {}), "d: missing");
}

TEST_F(TreeProof, StacksAreComparedByWhatTheyShow) {
    StackedLayers one;
    add(one, {dir("d"), file("d/gone"), file("d/f", "old")});
    add(one, {dir("d"), char_device("d/gone", 0, 0, 0), file("d/f", "new")});
    StackedLayers other;
    add(other, {dir("d"), file("d/f", "new")});
    EXPECT_EQ(compare(one, other), "");
    add(other, {dir("d"), char_device("d/f", 0, 0, 0)});
    EXPECT_EQ(compare(one, other), "d/f: missing");
}

TEST_F(TreeProof, TimesAreBoundedAboveTheSharedLayersOnly) {
    const auto late = file("f", "x").mtime(1'700'000'000, 5);
    const auto bounded = file("f", "x").mtime(1'500'000'000);
    StackedLayers one;
    StackedLayers other;
    add(one, {late});
    add(other, {bounded});
    EXPECT_EQ(compare(one, other), "f: mtime");
    EXPECT_EQ(compare(one, other, 0, 1'500'000'000), "");
    EXPECT_EQ(compare(one, other, 1, 1'500'000'000), "f: mtime");
}

TEST_F(TreeProof, FilesOfSharedLayersAreNotRead) {
    StackedLayers one;
    add(one, {file("f", "x")});
    StackedLayers other = one;
    roots_[0] = *open_directory(temp_.path()); // where there is no f
    one.roots[0] = other.roots[0] = roots_[0].get();
    EXPECT_EQ(compare(one, other, 1), "");
    EXPECT_FALSE(first_difference(one, other, 0, {}, {}));
}

} // namespace
} // namespace lamina
