// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/metadata/root_lock.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

TEST(RootLock, SecondTakerIsRefusedAndTold) {
    const test::TempDir root;
    const auto first = RootLock::take(root.path());
    ASSERT_TRUE(first);
    const auto second = RootLock::take(root.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::failed_precondition);
    EXPECT_NE(second.error().message.find("in use"), std::string::npos);
}

TEST(RootLock, EndsWithItsOwner) {
    const test::TempDir root;
    {
        ASSERT_TRUE(RootLock::take(root.path()));
    }
    EXPECT_TRUE(RootLock::take(root.path()));
}

} // namespace
} // namespace lamina
