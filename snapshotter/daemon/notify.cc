// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/daemon/notify.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "unpacker/base/fd.h"

namespace lamina {

// One datagram to a unix socket is the whole protocol; libsystemd would be a dependency for it.
Status notify_service_manager(std::string_view state) {
    const char* variable = ::getenv("NOTIFY_SOCKET");
    if (variable == nullptr) {
        return {};
    }
    std::string_view path = variable;
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() < 2 || path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid_argument, "NOTIFY_SOCKET is no address of a socket");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.starts_with('@')) {
        address.sun_path[0] = '\0'; // an abstract socket, unix(7)
    }
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                    reinterpret_cast<const sockaddr*>(&address), length) < 0) {
        return fail(errno_error("notify", path));
    }
    return {};
}

} // namespace lamina
