// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "snapshotter/laminactl/squash_in_store.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"

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

// Something listens, and never answers.
TEST(SquashInStore, ContainerdThatHangsIsAnErrorInTime) {
    const TempDir temp;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = temp / "socket";
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(socket.get(), 8), 0);
    SquashCommand command;
    command.image = "missing";
    command.output_path = temp / "result";
    for (const std::string& name : {path, "unix://" + path}) {
        const StoreAddress silent{.socket = name, .call_time = std::chrono::milliseconds(100)};
        const auto outcome = squash_anywhere(command, silent, {});
        ASSERT_FALSE(outcome.has_value());
        EXPECT_EQ(outcome.error().code, ErrorCode::deadline_exceeded) << outcome.error().message;
    }
}

TEST(SquashInStore, StoreTakesNoOutputPath) {
    SquashCommand command;
    command.image = "missing";
    command.tag = "app:1";
    command.form = "store";
    command.output_path = "somewhere";
    const auto outcome = squash_anywhere(command, {}, {});
    ASSERT_FALSE(outcome.has_value());
    EXPECT_THAT(outcome.error().message, HasSubstr("--output-path"));
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
