// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/merge/merge.h"

namespace lamina::test {

// The index of a layer of which only names and types matter. Each word pair is a kind and a path:
// "dir a", "file a/b", "whiteout c", "opaque d" (a directory), "link a/b 7" (a file that has the
// inode of all others with this number), "redirect e" (a directory).
[[nodiscard]] LayerIndex layer(const std::vector<std::string>& names);

// What the merge of such layers gives, topmost layer first, in the same words, without the root;
// each with the number of the layer that it is from: "dir a @0", and for second names of an inode
// "file b = a/b @1". An error is the only line: its code and message.
[[nodiscard]] std::vector<std::string> merged(const std::vector<LayerIndex>& range,
                                              const std::vector<LayerIndex>& base = {});

} // namespace lamina::test
