// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <gtest/gtest.h>

#include "tests/support/encoders.h"
#include "tests/support/image_builder.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {
namespace {

using namespace test;

class Proof : public testing::Test {
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

    // `layers` of the result, from the bottom, above the lowest `kept` layers of the source.
    static std::string compare(const StackedLayers& source, size_t kept,
                               const std::vector<Tree>& layers,
                               std::optional<int64_t> mtime_max = {}) {
        TreeProof proof(source, kept, mtime_max);
        for (const Tree& layer : layers) {
            const std::string bytes = tar(layer);
            MemoryBlob blob(bytes);
            const auto diff_id = *Digest::parse(digest_text(bytes));
            const auto added = proof.add_layer(blob, Encoding::plain, diff_id, {});
            if (!added) {
                EXPECT_EQ(added.error().code, ErrorCode::data_loss);
                return added.error().message;
            }
        }
        const auto found = proof.first_difference({});
        EXPECT_TRUE(found) << found.error().message;
        return !found ? "error" : *found ? (*found)->path + ": " + (*found)->what : "";
    }

    std::string compare_trees(const Tree& before, const Tree& after) {
        StackedLayers source;
        add(source, before);
        return compare(source, 0, {after});
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

TEST_F(Proof, SameTreesHaveNoDifference) {
    EXPECT_EQ(compare_trees(kTree, kTree), "");
    EXPECT_EQ(compare_trees({}, {}), "");
}

TEST_F(Proof, EveryFieldCounts) {
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

TEST_F(Proof, StacksAreComparedByWhatTheyShow) {
    StackedLayers source;
    add(source, {dir("d"), file("d/gone"), file("d/f", "old")});
    add(source, {dir("d"), char_device("d/gone", 0, 0, 0), file("d/f", "new")});
    EXPECT_EQ(compare(source, 0, {{dir("d"), file("d/f", "new")}}), "");
    EXPECT_EQ(compare(source, 1, {{dir("d"), whiteout("d/gone"), file("d/f", "new")}}), "");
    EXPECT_EQ(compare(source, 1, {{dir("d"), opaque("d"), file("d/f", "new")}}), "");
    EXPECT_EQ(compare(source, 1, {{dir("d"), file("d/f", "new")}}), "d/gone: not in the source");
    EXPECT_EQ(compare(source, 1, {{dir("d"), whiteout("d/gone")}}), "d/f: content");
    EXPECT_EQ(compare(source, 0, {{dir("d"), file("d/f", "new")}, {dir("d"), whiteout("d/f")}}),
              "d/f: missing");
}

TEST_F(Proof, TimesAreBoundedAboveTheSharedLayersOnly) {
    const auto bounded = file("f", "x").mtime(1'500'000'000);
    StackedLayers source;
    add(source, {file("f", "x").mtime(1'700'000'000, 5)});
    EXPECT_EQ(compare(source, 0, {{bounded}}), "f: mtime");
    EXPECT_EQ(compare(source, 0, {{bounded}}, 1'500'000'000), "");
    EXPECT_EQ(compare(source, 1, {{bounded}}, 1'500'000'000), "f: mtime");
}

TEST_F(Proof, TheFirstDifferenceInTheOrderOfPathsIsTold) {
    StackedLayers source;
    add(source, {file("a", "1"), file("b", "2"), file("c", "3")});
    EXPECT_EQ(compare(source, 0, {{file("a", "1"), file("b", "x"), file("c", "3", 0600)}}),
              "b: content");
    EXPECT_EQ(compare(source, 0, {{file("a", "1", 0600), file("b", "x"), file("c", "3")}}),
              "a: mode");
    EXPECT_EQ(compare(source, 0, {{file("c", "x")}, {file("a", "x"), file("b", "2")}}),
              "a: content");
}

TEST_F(Proof, FilesOfSharedLayersAreNotRead) {
    StackedLayers source;
    add(source, {file("f", "x")});
    add(source, {file("g", "x")});
    roots_[0] = *open_directory(temp_.path()); // where there is no f
    source.roots[1] = roots_[0].get();
    EXPECT_EQ(compare(source, 1, {{file("g", "x")}}), "");
    EXPECT_EQ(compare(source, 1, {{file("g", "y")}}), "g: content");
}

// What one reader could take for this and another one for that is no proof.
TEST_F(Proof, StreamsOfAnyOtherFormAreRefused) {
    StackedLayers source;
    add(source, kTree);
    const std::pair<Tree, const char*> cases[] = {
        {{file("d/a")}, "d/a: the directory"},
        {{symlink("d", "l"), file("l/a")}, "l/a: the directory"},
        {{dir("d"), file("d/../x")}, "d/../x: the directory"},
        {{dir("d"), file("d/./x")}, "d/./x: the directory"},
        {{file("/x")}, "/x"},
        {{file("x"), file("x")}, "x: out of order"},
        {{file("x"), dir("x")}, "x: out of order"},
        {{file("b"), file("a")}, "a: out of order"},
        {{dir("b"), dir("a"), file("b")}, "index"},
        {{dir("d"), file("d/x"), whiteout("y")}, "whiteout after"},
        {{whiteout("x"), file("x")}, "index"},
        {{dir("d"), dir("e"), opaque("d")}, "opaque"},
        {{opaque("")}, "opaque"},
        {{file(".wh..wh.plnk")}, "meaning"},
        {{file("a"), hard_link("b", "c")}, "hard link to"},
        {{dir("a"), hard_link("a", "c")}, "hard link to"},
        {{file("a", "x", 0600), hard_link("a", "c")}, "hard link that would change"},
    };
    for (const auto& [layer, reason] : cases) {
        const std::string said = compare(source, 0, {layer});
        EXPECT_NE(said.find(reason), std::string::npos) << reason << " | " << said;
    }
}

TEST_F(Proof, BlobsAreReadToTheirEnds) {
    StackedLayers source;
    add(source, {file("f", "x")});
    const std::string bytes = tar({file("f", "x")});
    TreeProof proof(source, 0, {});
    const auto refused = [&](const std::string& blob_bytes, Encoding encoding) {
        MemoryBlob blob(blob_bytes);
        const auto added = proof.add_layer(blob, encoding, *Digest::parse(digest_text(bytes)), {});
        return !added && added.error().code == ErrorCode::data_loss;
    };
    EXPECT_TRUE(refused(bytes + std::string(512, '\0'), Encoding::plain)); // other diff ID
    EXPECT_TRUE(refused(truncated(gzip(bytes), 1), Encoding::sniff));
    EXPECT_TRUE(refused(flipped(gzip(bytes), 30), Encoding::sniff));
    EXPECT_TRUE(refused(bytes.substr(0, 600), Encoding::plain));
    EXPECT_FALSE(refused(gzip(bytes), Encoding::sniff));
}

} // namespace
} // namespace lamina
