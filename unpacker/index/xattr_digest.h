// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "unpacker/base/digest.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {

// What IndexEntry::xattrs says of these, the marks of overlayfs left out by the caller. Over name,
// NUL, length of the value in decimal, NUL, value, sorted by name.
[[nodiscard]] std::optional<Sha256Hash> xattr_digest(const XattrMap& xattrs);

} // namespace lamina
