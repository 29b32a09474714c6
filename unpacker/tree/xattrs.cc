// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/xattrs.h"

#include <cerrno>
#include <string_view>

#include <fmt/format.h>
#include <linux/limits.h>
#include <sys/types.h>
#include <sys/xattr.h>

namespace lamina {
namespace {

// Most answers fit here; none is longer than the other (xattr(7)).
constexpr size_t kUsualBytes = 256;
constexpr size_t kBytesMax = XATTR_SIZE_MAX;
static_assert(XATTR_LIST_MAX <= kBytesMax);

// What `get` writes into the buffer that it is given. Its errno is left for the caller.
template <class Get>
ssize_t get_bytes(const Get& get, std::string& bytes) {
    bytes.resize(kUsualBytes);
    ssize_t size = get(bytes.data(), bytes.size());
    if (size < 0 && errno == ERANGE) {
        bytes.resize(kBytesMax);
        size = get(bytes.data(), bytes.size());
    }
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return size;
}

// `list` and `get` are the system calls with their object bound.
template <class List, class Get>
Result<XattrMap> read_all(const List& list, const Get& get) {
    std::string names;
    if (get_bytes(list, names) < 0) {
        return errno == EOPNOTSUPP ? Result<XattrMap>{} : fail(errno_error("listxattr", "inode"));
    }
    XattrMap xattrs;
    for (std::string_view rest = names; !rest.empty();) {
        const std::string name(rest.substr(0, rest.find('\0')));
        rest.remove_prefix(name.size() + 1);
        std::string value;
        const auto get_value = [&](char* at, size_t size) { return get(name.c_str(), at, size); };
        if (get_bytes(get_value, value) < 0) {
            return fail(errno_error("getxattr", name));
        }
        xattrs.emplace(name, std::move(value));
    }
    return xattrs;
}

} // namespace

Result<XattrMap> read_xattrs(int fd) {
    return read_all(
        [=](char* at, size_t size) { return ::flistxattr(fd, at, size); },
        [=](const char* name, char* at, size_t size) { return ::fgetxattr(fd, name, at, size); });
}

Result<XattrMap> read_xattrs_at(int directory, const std::string& name) {
    // There is no getxattrat before Linux 6.13; the way through /proc names the same directory.
    const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
    return read_all([&](char* at, size_t size) { return ::llistxattr(path.c_str(), at, size); },
                    [&](const char* xattr, char* at, size_t size) {
                        return ::lgetxattr(path.c_str(), xattr, at, size);
                    });
}

} // namespace lamina
