// SPDX-License-Identifier: Apache-2.0
#include "unpacker/merge/overlay_marks.h"

#include <fmt/format.h>
#include <sys/xattr.h>

#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

// `remove` is the system call with its object bound.
template <class Remove>
Status remove_marks(const XattrMap& xattrs, OverlayXattrs form, const Remove& remove) {
    for (const auto& [name, unused] : xattrs) {
        if (is_overlay_mark(form, name) && remove(name.c_str()) != 0) {
            return fail(errno_error("removexattr", name));
        }
    }
    return {};
}

} // namespace

Status set_opaque_mark(int directory, OverlayXattrs form) {
    const std::string name = overlay_xattr(form, "opaque");
    if (::fsetxattr(directory, name.c_str(), "y", 1, 0) != 0) {
        return fail(errno_error("fsetxattr", name));
    }
    return {};
}

Status remove_overlay_marks(int fd, OverlayXattrs form) {
    TRY_ASSIGN(const XattrMap xattrs, read_xattrs(fd));
    return remove_marks(xattrs, form, [=](const char* name) { return ::fremovexattr(fd, name); });
}

Status remove_overlay_marks_at(int directory, const std::string& name, OverlayXattrs form) {
    TRY_ASSIGN(const XattrMap xattrs, read_xattrs_at(directory, name));
    const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
    return remove_marks(xattrs, form,
                        [&](const char* xattr) { return ::lremovexattr(path.c_str(), xattr); });
}

} // namespace lamina
