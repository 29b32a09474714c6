// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/root_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace lamina {

Result<RootLock> RootLock::take(const std::string& root) {
    const std::string path = root + "/lock";
    TRY_ASSIGN(auto file, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
        return RootLock(std::move(file));
    }
    if (errno == EWOULDBLOCK) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("{} is in use: another process holds {}", root, path));
    }
    return fail(errno_error("flock", path));
}

} // namespace lamina
