// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/clone_inode.h"

#include <array>
#include <cerrno>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/error.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

constexpr uint64_t kBlockUnit = 512; // of st_blocks, stat(2)
constexpr mode_t kModeBits = 07777;

bool has_same_owner(const struct stat& a, const struct stat& b) {
    return a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

std::array<timespec, 2> times_of(const struct stat& status) {
    return {status.st_atim, status.st_mtim};
}

uint64_t disk_bytes(const struct stat& status) {
    return static_cast<uint64_t>(status.st_blocks) * kBlockUnit;
}

Status status_of(int fd, struct stat& status) {
    return ::fstat(fd, &status) == 0 ? Status{} : fail(errno_error("fstat", "clone"));
}

Result<std::string> link_target(int directory, const char* name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
    if (size < 0) {
        return fail(errno_error("readlinkat", name));
    }
    return std::string(target.data(), static_cast<size_t>(size));
}

Status make_empty_node(const InodeCloner::Source& source, int directory) {
    const struct stat& status = source.status;
    int failed = 0;
    if (S_ISLNK(status.st_mode)) {
        TRY_ASSIGN(const std::string target, link_target(source.directory, source.name));
        failed = ::symlinkat(target.c_str(), directory, source.name);
    } else {
        failed = ::mknodat(directory, source.name, status.st_mode, status.st_rdev);
    }
    return failed == 0 ? Status{} : fail(errno_error("make", source.name));
}

Status set_xattrs(const XattrMap& xattrs, int fd) {
    for (const auto& [name, value] : xattrs) {
        if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
            return fail(errno_error("fsetxattr", name));
        }
    }
    return {};
}

Status copy_xattrs_at(const InodeCloner::Source& source, int directory) {
    TRY_ASSIGN(const XattrMap xattrs, read_xattrs_at(source.directory, source.name));
    // There is no setxattrat before Linux 6.13; the way through /proc names the same directory.
    const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, source.name);
    for (const auto& [name, value] : xattrs) {
        if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
            return fail(errno_error("lsetxattr", name));
        }
    }
    return {};
}

Result<uint64_t> make_node(const InodeCloner::Source& source, int directory) {
    TRY(make_empty_node(source, directory));
    const struct stat& wanted = source.status;
    struct stat made{};
    if (::fstatat(directory, source.name, &made, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", source.name));
    }
    if (!has_same_owner(made, wanted) && ::fchownat(directory, source.name, wanted.st_uid,
                                                    wanted.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("fchownat", source.name));
    }
    TRY(copy_xattrs_at(source, directory));
    if (!S_ISLNK(wanted.st_mode) &&
        ::fchmodat(directory, source.name, wanted.st_mode & kModeBits, 0) != 0) {
        return fail(errno_error("fchmodat", source.name));
    }
    if (::utimensat(directory, source.name, times_of(wanted).data(), AT_SYMLINK_NOFOLLOW) != 0 ||
        ::fstatat(directory, source.name, &made, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("utimensat", source.name));
    }
    return disk_bytes(made);
}

} // namespace

Result<bool> has_default_acl(int directory) {
    if (::fgetxattr(directory, "system.posix_acl_default", nullptr, 0) >= 0) {
        return true;
    }
    if (errno != ENODATA && errno != EOPNOTSUPP) {
        return fail(errno_error("fgetxattr", "system.posix_acl_default"));
    }
    return false;
}

// Regular files are looked at when they are open. Not so the others: opening them could wait or
// have an effect.
Result<InodeCloner::Source> InodeCloner::open(int directory, const char* name, unsigned char type) {
    Source source{directory, name, Fd(), {}};
    if (type == DT_REG) {
        TRY_ASSIGN(source.file,
                   open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME));
        TRY(status_of(source.file.get(), source.status));
    } else if (::fstatat(directory, name, &source.status, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", name));
    }
    if (S_ISREG(source.status.st_mode) != (type == DT_REG) || S_ISDIR(source.status.st_mode)) {
        return fail(ErrorCode::aborted, fmt::format("{} changed while it was copied", name));
    }
    return source;
}

Result<uint64_t> InodeCloner::make(const Source& source, int directory) {
    return source.file.valid() ? make_file(source, directory) : make_node(source, directory);
}

Result<uint64_t> InodeCloner::make_file(const Source& source, int directory) {
    TRY_ASSIGN(Fd file, open_at(directory, source.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                                source.status.st_mode & kModeBits));
    // Before the metadata: a write takes file capabilities away, capabilities(7).
    TRY(content_.clone(source.file.get(), source.status, file.get()));
    TRY_ASSIGN(const uint64_t bytes, copy_metadata(source.file.get(), source.status, file.get()));
    TRY(file.close());
    return bytes;
}

// The owner first, since chown(2) takes set-id bits and capabilities away; the mode after the
// xattrs, of which an ACL changes it.
Result<uint64_t> InodeCloner::copy_metadata(int from, const struct stat& wanted, int to) {
    struct stat made{};
    TRY(status_of(to, made));
    const bool changes_owner = !has_same_owner(made, wanted);
    if (changes_owner && ::fchown(to, wanted.st_uid, wanted.st_gid) != 0) {
        return fail(errno_error("fchown", "clone"));
    }
    TRY_ASSIGN(const XattrMap xattrs, read_xattrs(from));
    TRY(set_xattrs(xattrs, to));
    const bool may_have_changed = changes_owner || !xattrs.empty();
    if ((may_have_changed || ((made.st_mode ^ wanted.st_mode) & kModeBits) != 0) &&
        ::fchmod(to, wanted.st_mode & kModeBits) != 0) {
        return fail(errno_error("fchmod", "clone"));
    }
    if (::futimens(to, times_of(wanted).data()) != 0) {
        return fail(errno_error("futimens", "clone"));
    }
    if (!xattrs.empty()) { // which may take blocks of their own
        TRY(status_of(to, made));
    }
    return disk_bytes(made);
}

Result<uint64_t> InodeCloner::copy_marks(int from, int to) {
    TRY_ASSIGN(XattrMap xattrs, read_xattrs(from));
    std::erase_if(xattrs, [](const auto& xattr) { return !xattr.first.starts_with("trusted."); });
    TRY(set_xattrs(xattrs, to));
    if (::fchmod(to, 0755) != 0) {
        return fail(errno_error("fchmod", "clone"));
    }
    struct stat made{};
    TRY(status_of(to, made));
    return disk_bytes(made);
}

} // namespace lamina
