// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "snapshotter/core/layout.h"

namespace lamina {

// Whether the overlay module knows the option `index`.
[[nodiscard]] bool kernel_has_index_option();

// Whether overlayfs must keep its marks in user.* attributes here: trusted.* ones are forbidden in
// a user namespace (Documentation/filesystems/overlayfs.rst, "User xattr"). Not on tmpfs, which
// has no user.* attributes on the kernels that we support.
[[nodiscard]] Result<bool> needs_userxattr(const Layout& layout);

// Tries what snapshots need of the root's filesystem: file types in directory listings, whiteouts,
// overlay attributes, and an overlay mount that honours them. failed_precondition, naming what is
// missing. The mount has `mount_options` too: invalid_argument for one that overlayfs does not take
// or that would change what a mount is.
[[nodiscard]] Status check_overlay_support(const Layout& layout, bool userxattr,
                                           const std::vector<std::string>& mount_options);

} // namespace lamina
