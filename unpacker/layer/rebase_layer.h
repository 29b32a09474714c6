// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/layer/rebase_work.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// By how much rebase_layer() made a tree larger.
struct RebaseChange {
    Usage added;
    uint64_t whiteouts = 0;
};

// Brings the complete tree of a layer, open as `root` (borrowed), to what it would be had it been
// unpacked above `lowerdirs` (nearest first, never written): implied directories take owner, mode,
// times and xattrs of those that they cover, and where the root is opaque, each name in the roots
// below gets a whiteout. unpack_layer() does this at its end, if its lowerdirs are known.
//
// Work in proportion to `work` times the depth of the chain, not to the trees. May be repeated, as
// after an error, with the same lowerdirs; what was done before does not count again. Directories
// that are no longer in the tree are passed over. One thread for each tree.
[[nodiscard]] Result<RebaseChange> rebase_layer(int root, const RebaseWork& work,
                                                const std::vector<std::string>& lowerdirs);

} // namespace lamina
