// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/rebase_layer.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>

#include "unpacker/layer/layer_path.h"
#include "unpacker/layer/lower_directories.h"

namespace lamina {
namespace {

Result<uint64_t> disk_bytes(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) {
        return fail(errno_error("fstat", "directory"));
    }
    return static_cast<uint64_t>(status.st_blocks) * 512;
}

// The kernel heeds no opaque mark on the root of a layer, so everything that lies in the roots
// below is hidden by name. What has that name in this layer already hides it.
Status hide_names(int root, const std::vector<std::string>& names, RebaseChange& change) {
    for (const std::string& name : names) {
        const bool is_made = ::mknodat(root, name.c_str(), S_IFCHR, 0) == 0;
        if (!is_made && errno != EEXIST) {
            return fail(errno_error("mknod", name));
        }
        if (is_made) { // an inode without blocks
            ++change.added.inodes;
            ++change.whiteouts;
        }
    }
    return {};
}

Status hide_lower_roots(int root, const LowerDirectories& below, RebaseChange& change) {
    TRY_ASSIGN(const auto names, below.root_names());
    TRY_ASSIGN(const uint64_t before, disk_bytes(root));
    TRY(hide_names(root, names, change));
    TRY_ASSIGN(const uint64_t after, disk_bytes(root));
    change.added.size_bytes += after - before; // a directory never shrinks by a new name
    return {};
}

// An xattr may need a block of its own, and is never taken away.
Status inherit(LowerDirectories& below, const RebaseWork::Path& path, int fd,
               RebaseChange& change) {
    TRY_ASSIGN(const uint64_t before, disk_bytes(fd));
    TRY(below.copy_metadata(path, fd));
    TRY_ASSIGN(const uint64_t after, disk_bytes(fd));
    change.added.size_bytes += after - before;
    return {};
}

} // namespace

Result<RebaseChange> rebase_layer(int root, const RebaseWork& work,
                                  const std::vector<std::string>& lowerdirs) {
    RebaseChange change;
    if (work.empty() || lowerdirs.empty()) {
        return change;
    }
    TRY_ASSIGN(LowerDirectories below, LowerDirectories::open(lowerdirs));
    if (work.root_is_opaque) {
        TRY(hide_lower_roots(root, below, change));
    }
    TRY_ASSIGN(LayerPath at, LayerPath::open(root));
    TRY(work.for_each_implied([&](const RebaseWork::Path& path) -> Status {
        TRY_ASSIGN(const auto found, at.move_to(path));
        const bool is_there = found == LayerPath::Found::directory;
        return is_there ? inherit(below, path, at.fd(), change) : Status{};
    }));
    return change;
}

} // namespace lamina
