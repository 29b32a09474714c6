// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/base/byte_sink.h"

namespace lamina {

// The files `names` below `root` (borrowed), and the folders of blobs, as a tar archive that tells
// nothing of when and by whom it was made.
[[nodiscard]] Status write_layout_archive(int root, const std::vector<std::string>& names,
                                          ByteSink& sink);

} // namespace lamina
