// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"
#include "unpacker/tree/walk_tree.h"

namespace lamina {
namespace {

class WalkTree : public testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"a", "a/b", "a/b/c", "elsewhere"}) {
            ASSERT_EQ(::mkdir((dir_ / name).c_str(), 0755), 0);
        }
        root_ = *open_directory(dir_.path());
    }

    test::TempDir dir_;
    Fd root_;
};

TEST_F(WalkTree, VisitsDirectoriesBeforeWhatTheyHold) {
    std::vector<std::string> seen;
    ASSERT_TRUE(walk_tree(root_.get(), [&](int, const char* name, const struct stat&) -> Status {
        seen.emplace_back(name);
        return {};
    }));
    EXPECT_THAT(seen, testing::UnorderedElementsAre("a", "b", "c", "elsewhere"));
    const auto a = std::find(seen.begin(), seen.end(), "a");
    EXPECT_THAT(std::vector(std::find(a, seen.end(), "b"), seen.end()), testing::Contains("c"));
}

TEST_F(WalkTree, WhatTheVisitorRemovesIsPassedOver) {
    EXPECT_TRUE(
        walk_tree(root_.get(), [&](int parent, const char* name, const struct stat&) -> Status {
            (void)::unlinkat(parent, name, AT_REMOVEDIR);
            return {};
        }));
}

TEST_F(WalkTree, ErrorOfTheVisitorEndsTheWalk) {
    const auto ended = walk_tree(root_.get(), [&](int, const char*, const struct stat&) -> Status {
        return fail(ErrorCode::canceled, "enough");
    });
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::canceled);
}

TEST_F(WalkTree, DirectoryThatIsMovedMeanwhileLeadsNowhere) {
    const auto ended =
        walk_tree(root_.get(), [&](int, const char* name, const struct stat&) -> Status {
            if (std::string(name) == "c") { // the walk is in a/b
                EXPECT_EQ(::rename((dir_ / "a/b").c_str(), (dir_ / "elsewhere/b").c_str()), 0);
            }
            return {};
        });
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::aborted);
}

} // namespace
} // namespace lamina
