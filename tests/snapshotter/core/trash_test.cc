// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "snapshotter/core/trash.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

class TrashTest : public testing::Test {
  protected:
    void make_tree(const std::string& path) {
        fs::create_directories(path + "/fs/a/b");
        std::ofstream(path + "/fs/a/file") << "x";
    }
    bool trash_is_empty() const { return fs::is_empty(root_ / "trash"); }

    test::TempDir root_;
    Result<Layout> layout_ = Layout::open(root_.path());
};

TEST_F(TrashTest, TakenTreeIsGoneAtOnceAndDeletedLater) {
    Trash trash(*layout_, {});
    make_tree(root_ / "snapshots/1");
    ASSERT_TRUE(trash.take(layout_->snapshots(), "1"));
    EXPECT_FALSE(fs::exists(root_ / "snapshots/1"));
    EXPECT_TRUE(test::eventually([&] { return trash_is_empty(); }));
}

TEST_F(TrashTest, MissingNameIsNoError) {
    Trash trash(*layout_, {});
    EXPECT_TRUE(trash.take(layout_->snapshots(), "1"));
}

TEST_F(TrashTest, WhatAnEarlierProcessLeftIsDeleted) {
    make_tree(root_ / "trash/7-left");
    Trash trash(*layout_, {});
    ASSERT_TRUE(trash.take_leftovers());
    EXPECT_TRUE(test::eventually([&] { return trash_is_empty(); }));
}

TEST_F(TrashTest, SameNameMayBeTakenAgain) {
    Trash trash(*layout_, {0, false}); // nobody deletes
    for (int i = 0; i < 3; ++i) {
        make_tree(root_ / "snapshots/1");
        ASSERT_TRUE(trash.take(layout_->snapshots(), "1"));
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "trash"), {}), 3);
}

TEST_F(TrashTest, WaitingAreThoseThatAreNotDeletedYet) {
    {
        Trash trash(*layout_, {0, false}); // nobody deletes
        make_tree(root_ / "staging/a");
        make_tree(root_ / "staging/b");
        ASSERT_TRUE(trash.take_all(layout_->staging()));
        EXPECT_EQ(trash.waiting(), 2u);
    }
    Trash trash(*layout_, {});
    ASSERT_TRUE(trash.take_leftovers());
    EXPECT_TRUE(test::eventually([&] { return trash.waiting() == 0; }));
    EXPECT_TRUE(trash_is_empty());
}

TEST_F(TrashTest, SeveralIdleThreadsDeleteEverything) {
    Trash trash(*layout_, {3, true});
    for (int i = 1; i <= 50; ++i) {
        make_tree(root_ / "staging/" + std::to_string(i));
    }
    ASSERT_TRUE(trash.take_all(layout_->staging()));
    EXPECT_TRUE(fs::is_empty(root_ / "staging"));
    EXPECT_TRUE(test::eventually([&] { return trash_is_empty(); }));
}

} // namespace
} // namespace lamina
