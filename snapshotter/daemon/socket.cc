// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/daemon/socket.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace lamina {
namespace {

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (!path.starts_with('/') || path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("address \"{}\" is no absolute path of less than {} bytes", path,
                                sizeof address.sun_path));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

Result<Fd> open_socket() {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) {
        return fail(errno_error("socket", "AF_UNIX"));
    }
    return socket;
}

// An existing directory keeps its mode: it may be the service manager's or the administrator's.
Status make_private_directory(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
        return fail(errno_error("mkdir", path.parent_path().native(), error.value()));
    }
    if (::mkdir(path.c_str(), 0700) != 0) {
        return errno == EEXIST ? Status() : fail(errno_error("mkdir", path.native()));
    }
    if (::chmod(path.c_str(), 0700) != 0) {
        return fail(errno_error("chmod", path.native()));
    }
    return {};
}

// A socket file outlives its process; only a connection tells whether anybody is there. EAGAIN
// is a living listener with a full queue, unix(7).
Status remove_stale_socket(const std::string& path, const sockaddr_un& address) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) {
        return errno == ENOENT ? Status() : fail(errno_error("lstat", path));
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fail(ErrorCode::failed_precondition, fmt::format("{} is not a socket", path));
    }
    TRY_ASSIGN(Fd probe, open_socket());
    int connected =
        ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (connected == 0 || errno != ECONNREFUSED) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("another process listens on {}", path));
    }
    if (::unlink(path.c_str()) != 0) {
        return fail(errno_error("unlink", path));
    }
    return {};
}

} // namespace

Result<Fd> listen_at(const std::string& path) {
    TRY_ASSIGN(sockaddr_un address, socket_address(path));
    TRY(make_private_directory(std::filesystem::path(path).parent_path()));
    TRY(remove_stale_socket(path, address));
    TRY_ASSIGN(Fd listener, open_socket());
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return fail(errno_error("bind", path));
    }
    // Before listen(2) nobody can connect, so there is no moment with another mode.
    if (::chmod(path.c_str(), 0600) != 0) {
        return fail(errno_error("chmod", path));
    }
    if (::listen(listener.get(), SOMAXCONN) != 0) {
        return fail(errno_error("listen", path));
    }
    return listener;
}

} // namespace lamina
