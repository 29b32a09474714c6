// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "snapshotter/daemon/socket.h"

namespace lamina {
namespace {

constexpr int kFirstActivatedFd = 3; // SD_LISTEN_FDS_START of sd_listen_fds(3)

// -1 when the variable is missing or no number.
int number_from_environment(const char* name) {
    const char* value = ::getenv(name);
    std::string_view text = value == nullptr ? "" : value;
    int number = -1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

int socket_option(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

} // namespace

Result<Fd> take_activated_socket() {
    // LISTEN_PID guards against variables that a parent was meant to read.
    bool is_ours = number_from_environment("LISTEN_PID") == ::getpid();
    int count = number_from_environment("LISTEN_FDS");
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        ::unsetenv(name);
    }
    if (!is_ours || count <= 0) {
        return Fd();
    }
    if (count != 1 || socket_option(kFirstActivatedFd, SO_DOMAIN) != AF_UNIX ||
        socket_option(kFirstActivatedFd, SO_TYPE) != SOCK_STREAM ||
        socket_option(kFirstActivatedFd, SO_ACCEPTCONN) != 1) {
        return fail(ErrorCode::invalid_argument,
                    "socket activation must pass exactly one listening unix stream socket");
    }
    if (::fcntl(kFirstActivatedFd, F_SETFD, FD_CLOEXEC) != 0) {
        return fail(errno_error("fcntl", "activated socket"));
    }
    return Fd(kFirstActivatedFd);
}

} // namespace lamina
