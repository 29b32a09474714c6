// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/stat.h>

#include "unpacker/base/result.h"
#include "unpacker/index/index_entry.h"
#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {

// What an index says of an inode, from what the kernel says of it.

// All but the target of a symlink, the link group and what follows from xattrs.
[[nodiscard]] IndexEntry entry_of(std::string path, const struct stat& status);

// What overlayfs has written goes into fields of `entry`, the rest into its digest.
void apply_xattrs(IndexEntry& entry, XattrMap xattrs, OverlayXattrs form);

// The target of the symlink `name` in `directory` (borrowed).
[[nodiscard]] Result<std::string> read_target(int directory, const std::string& name);

} // namespace lamina
