// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "snapshotter/laminactl/squash_in_store.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {
namespace {

using testing::HasSubstr;

TEST(SquashInStore, NameThatIsNoFileIsLookedForInContainerd) {
    const TempDir temp;
    SquashCommand command;
    command.image = "missing";
    command.output_path = temp / "result";
    command.tmp_dir = temp.path();
    const StoreAddress nobody{.socket = temp / "socket"};
    const auto outcome = squash_anywhere(command, nobody, {});
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, ErrorCode::unavailable);
    EXPECT_THAT(outcome.error().message, HasSubstr("missing is no file"));
    EXPECT_THAT(outcome.error().message, HasSubstr("socket"));
}

TEST(SquashInStore, ImageInContainerdNeedsAName) {
    SquashCommand command;
    command.image = "missing";
    const auto outcome = squash_anywhere(command, {}, {});
    ASSERT_FALSE(outcome.has_value());
    EXPECT_THAT(outcome.error().message, HasSubstr("--tag"));
}

} // namespace
} // namespace lamina::test
