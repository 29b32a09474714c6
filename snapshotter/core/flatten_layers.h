// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/merge/write_tree.h"

namespace lamina {

// Writes into the empty directory `output` (borrowed) what the trees of `range` show upon those of
// `base`, paths of the directories, topmost first. Nobody may write to any of them meanwhile.
// resource_exhausted, before anything is written, if that would leave others too little space. Else
// errors are those of index_tree(), Merge::open() and write_tree().
[[nodiscard]] Result<TreeReport> flatten_layers(const std::vector<std::string>& range,
                                                const std::vector<std::string>& base, int output,
                                                const WriteOptions& options,
                                                const std::stop_token& stop);

} // namespace lamina
