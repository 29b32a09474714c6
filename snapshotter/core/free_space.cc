// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/free_space.h"

#include <limits>

#include <sys/statvfs.h>

namespace lamina {

Result<FreeSpace> free_space_at(int fd) {
    struct statvfs status{};
    if (::fstatvfs(fd, &status) != 0) {
        return fail(errno_error("statvfs", "directory"));
    }
    const bool counts_inodes = status.f_files != 0;
    return FreeSpace{status.f_bavail * status.f_frsize,
                     counts_inodes ? status.f_favail : std::numeric_limits<uint64_t>::max()};
}

} // namespace lamina
