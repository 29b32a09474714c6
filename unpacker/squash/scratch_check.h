// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/result.h"

namespace lamina {

// Whether layers can be unpacked into the empty directory (borrowed) without losing anything, which
// unpacking does not tell: as containerd does, it passes over xattrs that a filesystem cannot hold.
// failed_precondition says what is missing, and names `path`, under which people know it.
[[nodiscard]] Status check_scratch(int directory, const std::string& path);

} // namespace lamina
