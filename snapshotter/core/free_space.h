// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "unpacker/base/result.h"

namespace lamina {

// What a filesystem has left for others than root.
struct FreeSpace {
    uint64_t bytes = 0;
    uint64_t inodes = 0; // the largest number there is where the filesystem does not count them
};

// Of the filesystem that a file or directory is open on.
[[nodiscard]] Result<FreeSpace> free_space_at(int fd);

} // namespace lamina
