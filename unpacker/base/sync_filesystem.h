// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "unpacker/base/result.h"

namespace lamina {

// Puts all that was written to this open file's filesystem on the disk, and reports what went wrong
// with it since the file was opened, syncfs(2).
[[nodiscard]] Status sync_filesystem(int fd);

} // namespace lamina
