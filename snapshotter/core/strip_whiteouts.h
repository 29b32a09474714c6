// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "unpacker/base/result.h"

namespace lamina {

// Removes overlay whiteouts (character devices 0:0) and opaque marks from the tree below
// `directory` (borrowed). A layer without parent has nothing to hide; used alone, by a bind mount,
// such a tree would show its whiteouts as device nodes. Modification times stay as they are. Work
// in proportion to the tree.
[[nodiscard]] Status strip_whiteouts(int directory);

} // namespace lamina
