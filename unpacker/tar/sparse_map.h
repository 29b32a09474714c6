// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "unpacker/base/result.h"

namespace lamina {

// A stretch of a sparse file that the archive holds; the rest of the file is zeros.
struct SparsePart {
    int64_t offset_bytes = 0;
    int64_t length_bytes = 0;
};

// In the order of the file, and of the data in the archive. Source: GNU tar manual, "PAX Format,
// Versions 0.0, 0.1 and 1.0" (the old GNU format is refused, as by containerd).
using SparseMap = std::vector<SparsePart>;

// Pairs of decimal offsets and lengths, separated by `separator`. Anything else is
// invalid_argument, and so are parts that overlap, are out of order, or reach beyond `file_bytes`.
[[nodiscard]] Result<SparseMap> parse_sparse_map(std::string_view pairs, char separator,
                                                 int64_t file_bytes);

} // namespace lamina
