// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/merge/write_tree.h"

namespace lamina::test {

// Indexes the trees of these layers, merges them, and writes the result into `output`, which it
// makes. Topmost layer first, as in a mount.
[[nodiscard]] Result<TreeReport> flatten(const std::vector<std::string>& range,
                                         const std::vector<std::string>& base,
                                         const std::string& output,
                                         const WriteOptions& options = {});

} // namespace lamina::test
