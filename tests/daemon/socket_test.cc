// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "snapshotter/daemon/socket.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : 0;
}

bool can_connect(const std::string& path) {
    Fd client(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// Sets the umask for one test.
class Umask {
  public:
    explicit Umask(mode_t mask) : before_(::umask(mask)) {}
    ~Umask() { ::umask(before_); }

  private:
    mode_t before_;
};

class ListenAt : public ::testing::Test {
  protected:
    test::TempDir directory_;
    const std::string path_ = directory_ / "new/run/lamina.sock";
};

TEST_F(ListenAt, ModesDoNotDependOnTheUmask) {
    for (mode_t mask : {0, 0022, 0777}) {
        test::TempDir fresh;
        Umask umask(mask);
        auto listener = listen_at(fresh / "run/lamina.sock");
        ASSERT_TRUE(listener) << listener.error().message;
        EXPECT_EQ(mode_of(fresh / "run"), 0700u);
        EXPECT_EQ(mode_of(fresh / "run/lamina.sock"), 0600u);
        EXPECT_TRUE(can_connect(fresh / "run/lamina.sock"));
    }
}

TEST_F(ListenAt, MakesMissingParentsOfItsDirectory) {
    EXPECT_TRUE(listen_at(path_));
}

TEST_F(ListenAt, ExistingDirectoryKeepsItsMode) {
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_TRUE(listen_at(directory_ / "lamina.sock"));
    EXPECT_EQ(mode_of(directory_.path()), 0755u);
}

TEST_F(ListenAt, ReplacesASocketThatNobodyListensOn) {
    {
        auto gone = listen_at(path_);
    }
    ASSERT_FALSE(can_connect(path_));
    auto listener = listen_at(path_);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_TRUE(can_connect(path_));
}

TEST_F(ListenAt, RefusesASocketThatSomebodyListensOn) {
    auto first = listen_at(path_);
    auto second = listen_at(path_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::failed_precondition);
    EXPECT_THAT(second.error().message, HasSubstr("another process listens on " + path_));
    EXPECT_TRUE(can_connect(path_));
}

TEST_F(ListenAt, RefusesAFileThatIsNoSocketAndKeepsIt) {
    const std::string file = directory_ / "lamina.sock";
    std::ofstream(file) << "precious";
    auto listener = listen_at(file);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code, ErrorCode::failed_precondition);
    EXPECT_THAT(listener.error().message, HasSubstr("is not a socket"));
    EXPECT_EQ(::access(file.c_str(), F_OK), 0);
}

TEST_F(ListenAt, RefusesASymbolicLinkAndKeepsIt) {
    const std::string link = directory_ / "lamina.sock";
    ASSERT_EQ(::symlink("/nowhere", link.c_str()), 0);
    EXPECT_FALSE(listen_at(link));
    EXPECT_EQ(mode_of(link), 0777u);
}

TEST_F(ListenAt, RefusesRelativeAndOverlongPaths) {
    EXPECT_EQ(listen_at("lamina.sock").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(listen_at("/tmp/" + std::string(103, 'x')).error().code, ErrorCode::invalid_argument);
}

} // namespace
} // namespace lamina
