// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/scratch_check.h"

#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/fd.h"

namespace lamina {
namespace {

using std::string_view_literals::operator""sv;

// "user::rw-,group::r--,other::r--" (linux/posix_acl_xattr.h).
constexpr std::string_view kAcl = "\2\0\0\0"
                                  "\1\0\6\0\xff\xff\xff\xff"
                                  "\4\0\4\0\xff\xff\xff\xff"
                                  "\40\0\4\0\xff\xff\xff\xff"sv;

constexpr std::pair<const char*, std::string_view> kXattrs[] = {
    {"user.lamina", "1"},
    {"security.lamina", "1"},
    {"trusted.overlay.opaque", "y"},
    {"system.posix_acl_access", kAcl},
};

tl::unexpected<Error> unfit(const std::string& path, const Error& error) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("layers cannot be unpacked in {}: {}: choose another --tmp-dir", path,
                            error.message));
}

} // namespace

Status check_scratch(int directory, const std::string& path) {
    constexpr const char* kName = "check";
    // overlayfs itself refuses it (fs/overlayfs/dir.c, ovl_mknod).
    if (::mknodat(directory, kName, S_IFCHR, makedev(0, 0)) != 0) {
        return unfit(path, errno_error("mknod", "a whiteout"));
    }
    ::unlinkat(directory, kName, 0);
    TRY_ASSIGN(const Fd file, open_at(directory, kName, O_WRONLY | O_CREAT | O_EXCL, 0600));
    ::unlinkat(directory, kName, 0);
    for (const auto& [name, value] : kXattrs) {
        if (::fsetxattr(file.get(), name, value.data(), value.size(), 0) != 0) {
            return unfit(path, errno_error("setxattr", name));
        }
    }
    return {};
}

} // namespace lamina
