// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/metadata.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/log.h"

namespace lamina {
namespace {

// 2^63-1 nanoseconds after 1970.
constexpr timespec kLatest{9223372036, 854775807};

bool is_before(const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

timespec bounded(const timespec& time) {
    const bool is_in_range = time.tv_sec >= 0 && !is_before(kLatest, time);
    return is_in_range ? time : timespec{};
}

bool has_owner(const struct stat& now, const Metadata& metadata) {
    return now.st_uid == metadata.uid && now.st_gid == metadata.gid;
}

bool is_tolerable(const std::string& name, mode_t type, int sys_errno) {
    if (sys_errno == EOPNOTSUPP) {
        return true;
    }
    // xattr(7): user attributes exist on regular files and directories only.
    const bool can_have_user = S_ISREG(type) || S_ISDIR(type);
    return sys_errno == EPERM && name.starts_with("user.") && !can_have_user;
}

// `set` is fsetxattr or lsetxattr with its object bound.
template <class Set>
Status set_xattrs(const Xattrs& xattrs, mode_t type, const Set& set) {
    for (const auto& [name, value] : xattrs) {
        if (name.starts_with("trusted.")) {
            log::debug("layer sets a trusted xattr, which is left out", {{"xattr", name}});
        } else if (set(name.c_str(), value.data(), value.size()) != 0 &&
                   !is_tolerable(name, type, errno)) {
            return fail(errno_error("setxattr", name));
        }
    }
    return {};
}

} // namespace

Metadata metadata_of(Entry& entry) {
    const timespec modified = bounded(entry.modify_time);
    const timespec accessed = bounded(entry.access_time);
    return {static_cast<uid_t>(entry.uid),
            static_cast<gid_t>(entry.gid),
            static_cast<mode_t>(entry.mode),
            {is_before(accessed, modified) ? modified : accessed, modified},
            std::move(entry.xattrs)};
}

Status set_metadata(int fd, const struct stat& now, const Metadata& metadata) {
    const bool changes_owner = !has_owner(now, metadata);
    if (changes_owner && ::fchown(fd, metadata.uid, metadata.gid) != 0) {
        return fail(errno_error("fchown", fmt::format("{}:{}", metadata.uid, metadata.gid)));
    }
    TRY(set_xattrs(metadata.xattrs, now.st_mode,
                   [fd](const char* name, const void* value, size_t size) {
                       return ::fsetxattr(fd, name, value, size, 0);
                   }));
    // An ACL among the xattrs changes the mode as well.
    const bool may_have_changed = changes_owner || !metadata.xattrs.empty();
    if ((may_have_changed || (now.st_mode & 07777U) != metadata.mode) &&
        ::fchmod(fd, metadata.mode) != 0) {
        return fail(errno_error("fchmod", fmt::format("{:o}", metadata.mode)));
    }
    return {};
}

Status set_metadata_at(int directory, const std::string& name, const struct stat& now,
                       const Metadata& metadata) {
    const bool changes_owner = !has_owner(now, metadata);
    if (changes_owner &&
        ::fchownat(directory, name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("fchownat", name));
    }
    // There is no lsetxattrat before Linux 6.13; the way through /proc names the same directory.
    const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
    TRY(set_xattrs(metadata.xattrs, now.st_mode,
                   [&path](const char* xattr, const void* value, size_t size) {
                       return ::lsetxattr(path.c_str(), xattr, value, size, 0);
                   }));
    const bool may_have_changed = changes_owner || !metadata.xattrs.empty();
    if (!S_ISLNK(now.st_mode) && (may_have_changed || (now.st_mode & 07777U) != metadata.mode) &&
        ::fchmodat(directory, name.c_str(), metadata.mode, 0) != 0) {
        return fail(errno_error("fchmodat", name));
    }
    return set_times_at(directory, name, metadata.times);
}

Status set_times(int fd, const FileTimes& times) {
    if (::futimens(fd, times.data()) != 0) {
        return fail(errno_error("futimens", "file"));
    }
    return {};
}

Status set_times_at(int directory, const std::string& name, const FileTimes& times) {
    if (::utimensat(directory, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("utimensat", name));
    }
    return {};
}

} // namespace lamina
