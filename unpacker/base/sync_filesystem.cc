// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/sync_filesystem.h"

#include <unistd.h>

namespace lamina {

Status sync_filesystem(int fd) {
    if (::syncfs(fd) != 0) {
        return fail(errno_error("syncfs", "directory"));
    }
    return {};
}

} // namespace lamina
