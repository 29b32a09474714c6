// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "unpacker/base/result.h"

namespace lamina {

// Name to raw value.
using XattrMap = std::map<std::string, std::string>;

// The label that a host's policy gives to each file that is made, whatever a layer says: it is no
// content of a layer.
[[nodiscard]] inline bool is_host_label(std::string_view xattr) {
    return xattr == "security.selinux";
}

// All extended attributes that this process may see, trusted.* for root only; none where the
// filesystem has none. Of an open file or directory:
[[nodiscard]] Result<XattrMap> read_xattrs(int fd);

// Of `name` in `directory` (borrowed); links are not followed. `name` is one component.
[[nodiscard]] Result<XattrMap> read_xattrs_at(int directory, const std::string& name);

} // namespace lamina
