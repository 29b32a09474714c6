// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/fd.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lamina {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        Fd old(std::exchange(fd_, std::exchange(other.fd_, -1)));
    }
    return *this;
}

Fd::~Fd() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Status Fd::close() {
    // Not retried on EINTR: Linux has released the descriptor by then, close(2).
    if (int fd = release(); fd >= 0 && ::close(fd) != 0 && errno != EINTR) {
        return fail(errno_error("close", "descriptor"));
    }
    return {};
}

Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode) {
    int fd = -1;
    do {
        fd = ::openat(directory, name.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return fail(errno_error("open", name));
    }
    return Fd(fd);
}

Result<Fd> open_file(const std::string& path, int flags, unsigned mode) {
    return open_at(AT_FDCWD, path, flags, mode);
}

Result<Fd> open_directory_at(int directory, const std::string& name) {
    return open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<Fd> open_directory(const std::string& path) {
    return open_directory_at(AT_FDCWD, path);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

} // namespace lamina
