// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/lower_directories.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/layer/metadata.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

// openat2(2) says EAGAIN for a path with ".." when anything was renamed or mounted on the host
// meanwhile: containers that start do that, but not this often in a row.
constexpr unsigned kOpenAttemptsMax = 1000;

// For paths that go through a symbolic link of the lowerdir, which stays its own root.
Result<Fd> open_in_root(int root, const std::vector<std::string>& components) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const std::string path = fmt::format("{}", fmt::join(components, "/"));
    for (unsigned attempt = 0; attempt < kOpenAttemptsMax; ++attempt) {
        const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
        if (fd >= 0) {
            return Fd(static_cast<int>(fd));
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail(errno_error("openat2", path));
        }
    }
    return fail(errno_error("openat2", path, EAGAIN));
}

std::string list_xattrs(int fd) {
    const ssize_t size = ::flistxattr(fd, nullptr, 0);
    std::string names(size > 0 ? static_cast<size_t>(size) : 0, '\0');
    const ssize_t got = ::flistxattr(fd, names.data(), names.size());
    names.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return names;
}

Xattrs read_xattrs(int fd) {
    Xattrs xattrs;
    const std::string names = list_xattrs(fd);
    for (std::string_view rest = names; !rest.empty();) {
        const std::string name(rest.substr(0, rest.find('\0')));
        rest.remove_prefix(name.size() + 1);
        const ssize_t size = ::fgetxattr(fd, name.c_str(), nullptr, 0);
        std::string value(size > 0 ? static_cast<size_t>(size) : 0, '\0');
        if (!name.starts_with("trusted.") && size >= 0 &&
            ::fgetxattr(fd, name.c_str(), value.data(), value.size()) == size) {
            xattrs.emplace_back(name, std::move(value));
        }
    }
    return xattrs;
}

Status copy_inode(int from, int to) {
    struct stat below{};
    struct stat now{};
    if (::fstat(from, &below) != 0 || ::fstat(to, &now) != 0) {
        return fail(errno_error("fstat", "implied directory"));
    }
    const Metadata metadata{below.st_uid,
                            below.st_gid,
                            below.st_mode & 07777U,
                            {below.st_atim, below.st_mtim},
                            read_xattrs(from)};
    TRY(set_metadata(to, now, metadata));
    return set_times(to, metadata.times);
}

// Something on the way is no directory, but may be a link to one. A link that leads nowhere is
// nothing, and the search goes on: so says containerd, which asks for the link's end (mkparent).
Result<LayerPath::Found> copy_linked(int lowerdir, const std::vector<std::string>& components,
                                     int to) {
    const auto linked = open_in_root(lowerdir, components);
    if (linked) {
        TRY(copy_inode(linked->get(), to));
        return LayerPath::Found::directory;
    }
    switch (linked.error().sys_errno) {
    case ENOENT:
        return LayerPath::Found::missing;
    case ENOTDIR:
    case ELOOP:
        return LayerPath::Found::no_directory;
    default:
        return fail(linked.error());
    }
}

} // namespace

Result<LowerDirectories> LowerDirectories::open(const std::vector<std::string>& lowerdirs) {
    std::vector<Lowerdir> opened;
    for (const std::string& lowerdir : lowerdirs) {
        TRY_ASSIGN(Fd root, open_directory(lowerdir));
        TRY_ASSIGN(LayerPath at, LayerPath::open(root.get()));
        opened.push_back({std::move(root), std::move(at)});
    }
    return LowerDirectories(std::move(opened));
}

Status LowerDirectories::copy_metadata(const std::vector<std::string>& components, int fd) {
    for (Lowerdir& lowerdir : lowerdirs_) {
        TRY_ASSIGN(auto found, lowerdir.at.move_to(components));
        if (found == LayerPath::Found::directory) {
            return copy_inode(lowerdir.at.fd(), fd);
        }
        if (found == LayerPath::Found::no_directory) {
            TRY_ASSIGN(found, copy_linked(lowerdir.root.get(), components, fd));
        }
        if (found != LayerPath::Found::missing || lowerdir.at.is_opaque()) {
            break;
        }
    }
    return {};
}

Result<std::vector<std::string>> LowerDirectories::root_names() const {
    std::vector<std::string> names;
    for (const Lowerdir& lowerdir : lowerdirs_) {
        TRY(for_each_entry(lowerdir.root.get(), [&](const char* name, unsigned char) -> Status {
            names.emplace_back(name);
            return {};
        }));
    }
    return names;
}

} // namespace lamina
