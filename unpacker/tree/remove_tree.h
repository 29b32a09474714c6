// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "unpacker/base/result.h"

namespace lamina {

// Removes `name` below the directory `parent` (borrowed): a file, a link (not its target), or a
// tree of any depth with a bounded number of descriptors. Everything goes through directory
// descriptors, so a link that is swapped in meanwhile leads nowhere. A name that is not there is
// no error. What cannot be removed (chattr +i, a mount) stays, the rest goes all the same, and the
// first reason is returned. Returns canceled soon after `stop`, with a part of the tree gone;
// calling it again goes on.
[[nodiscard]] Status remove_tree(int parent, const std::string& name,
                                 const std::stop_token& stop = {});

// Same for everything in `directory` (borrowed), which stays.
[[nodiscard]] Status remove_contents(int directory);

} // namespace lamina
