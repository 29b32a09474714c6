// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/fd.h"

namespace lamina {

// Listens on a unix socket at `path`: mode 0600, in a directory that is made with mode 0700 when
// missing, whatever the umask. Replaces the socket of a daemon that is gone. failed_precondition
// when somebody listens there, or when `path` is something else than a socket.
[[nodiscard]] Result<Fd> listen_at(const std::string& path);

// The listening socket that systemd handed over (sd_listen_fds(3)); an invalid Fd when there is
// none for this process. Forgets the environment variables that said so. invalid_argument when
// it is more than one or no listening unix socket.
[[nodiscard]] Result<Fd> take_activated_socket();

} // namespace lamina
