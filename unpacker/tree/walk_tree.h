// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sys/stat.h>

#include "unpacker/base/result.h"

namespace lamina {

// Calls `visit` for each entry below `directory` (borrowed), before the entries below that: with a
// descriptor of the directory that has it, its name, and what lstat(2) says. Links are not
// followed and other filesystems are left out. What vanishes meanwhile, also by `visit` itself, is
// passed over. An error of `visit` ends the walk and is returned.
[[nodiscard]] Status walk_tree(
    int directory,
    const std::function<Status(int parent, const char* name, const struct stat& status)>& visit);

} // namespace lamina
