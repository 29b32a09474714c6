// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidcheck.h>

#include "tests/support/entry.h"

namespace lamina::test {

// The tree of a layer as overlayfs reads it, with whatever an upper can have in it: whiteouts,
// opaque directories, marks of overlayfs, groups of hard links, odd names and times.
// Few names, so that layers meet. For make_tree(); parents come before children. No whiteouts in
// the form with xattrs, which the kernel sees only where it has a reason to look for them.
rc::Gen<Tree> any_layer_tree();

} // namespace lamina::test
