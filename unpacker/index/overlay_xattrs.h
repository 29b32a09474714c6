// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lamina {

// Where overlayfs keeps its marks: in trusted.overlay.*, or in user.overlay.* when it is mounted
// with userxattr, as it must be in a user namespace (overlayfs.rst, "User xattr").
enum class OverlayXattrs { trusted, user };

inline std::string overlay_xattr(OverlayXattrs form, std::string_view mark) {
    return (form == OverlayXattrs::trusted ? "trusted.overlay." : "user.overlay.") +
           std::string(mark);
}

// True of a mark of overlayfs itself, which it shows to nobody. trusted.overlay.overlay.* is
// content: the escaped mark of an overlay within (overlayfs.rst, "Nesting overlayfs mounts").
inline bool is_overlay_mark(OverlayXattrs form, std::string_view xattr) {
    const std::string prefix = overlay_xattr(form, "");
    return xattr.starts_with(prefix) && !xattr.substr(prefix.size()).starts_with("overlay.");
}

} // namespace lamina
