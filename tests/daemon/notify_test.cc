// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "snapshotter/daemon/notify.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

class Notify : public ::testing::Test {
  protected:
    ~Notify() override { ::unsetenv("NOTIFY_SOCKET"); }

    // As a service manager: bound to `name` (with '@' in front: abstract), named in the
    // environment.
    void listen(const std::string& name) {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.starts_with('@')) {
            address.sun_path[0] = '\0';
        }
        manager_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        ASSERT_EQ(::bind(manager_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }

    std::string received() {
        std::array<char, 256> buffer{};
        ssize_t count = ::recv(manager_.get(), buffer.data(), buffer.size(), 0);
        return count < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(count));
    }

    test::TempDir directory_;
    Fd manager_;
};

TEST_F(Notify, SendsOneDatagramToASocketFile) {
    listen(directory_ / "notify");
    ASSERT_TRUE(notify_service_manager("READY=1\nSTATUS=Serving"));
    EXPECT_EQ(received(), "READY=1\nSTATUS=Serving");
    EXPECT_EQ(received(), "nothing");
}

TEST_F(Notify, SendsToAnAbstractSocket) {
    listen(fmt::format("@lamina-notify-test-{}", ::getpid()));
    ASSERT_TRUE(notify_service_manager("STOPPING=1"));
    EXPECT_EQ(received(), "STOPPING=1");
}

TEST_F(Notify, WithoutServiceManagerNothingIsSentAndNothingIsWrong) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(notify_service_manager("READY=1"));
}

TEST_F(Notify, ServiceManagerThatIsGoneIsAnErrorThatNamesItsSocket) {
    const std::string path = directory_ / "gone";
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    auto sent = notify_service_manager("READY=1");
    ASSERT_FALSE(sent);
    EXPECT_NE(sent.error().message.find(path), std::string::npos);
}

TEST_F(Notify, OverlongAddressIsRefused) {
    ::setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
    EXPECT_EQ(notify_service_manager("READY=1").error().code, ErrorCode::invalid_argument);
}

} // namespace
} // namespace lamina
