// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/strip_whiteouts.h"

#include <cerrno>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/tree/walk_tree.h"

namespace lamina {
namespace {

Status remove_opaque_mark(int directory) {
    // The mark is in the user namespace of attributes when overlayfs runs with userxattr.
    for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
        if (::fremovexattr(directory, name) != 0 && errno != ENODATA && errno != EOPNOTSUPP &&
            errno != EPERM) { // not allowed to see trusted ones: then we made none
            return fail(errno_error("fremovexattr", name));
        }
    }
    return {};
}

// Without a trace in the times of the directory, which are the layer's.
Status remove_whiteout(int directory, const char* name) {
    struct stat before{};
    if (::fstat(directory, &before) != 0) {
        return fail(errno_error("fstat", "directory"));
    }
    if (::unlinkat(directory, name, 0) != 0) {
        return fail(errno_error("unlinkat", name));
    }
    const timespec times[] = {before.st_atim, before.st_mtim};
    return ::futimens(directory, times) == 0 ? Status{}
                                             : fail(errno_error("futimens", "directory"));
}

Status strip_entry(int parent, const char* name, const struct stat& status) {
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) {
        return remove_whiteout(parent, name);
    }
    if (S_ISDIR(status.st_mode)) {
        TRY_ASSIGN(const auto directory, open_directory_at(parent, name));
        return remove_opaque_mark(directory.get());
    }
    return {};
}

} // namespace

Status strip_whiteouts(int directory) {
    TRY(remove_opaque_mark(directory));
    return walk_tree(directory, strip_entry);
}

} // namespace lamina
