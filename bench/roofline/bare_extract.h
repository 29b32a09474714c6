// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bench/roofline/tar_index.h"

namespace lamina::bench {

// Makes the items in `directory`, which must be empty, with the fewest system calls a file can be
// made with: openat(O_CREAT|O_EXCL) with its mode, one write, futimens, close, on directory
// descriptors that all stay open. Directories first, hard links last; no owner, no xattr, no check
// of any name. Changes the process's umask. This is a floor to measure against, not an extractor.
[[nodiscard]] Status bare_extract(const std::vector<TarItem>& items, const std::string& directory,
                                  unsigned threads);

} // namespace lamina::bench
