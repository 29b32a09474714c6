// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "unpacker/base/result.h"

namespace lamina {

// Disk use of a directory tree as containerd counts it (continuity fs/du_unix): every inode once,
// the root directory included.
struct Usage {
    uint64_t inodes = 0;
    uint64_t size_bytes = 0; // sum of st_blocks * 512

    bool operator==(const Usage&) const = default;
};

// Walks the tree below `directory` (a descriptor that is borrowed). Links are not followed and
// other filesystems are not entered. Work in proportion to the tree. A file that vanishes while
// the walk goes on is no error. A directory that is moved meanwhile makes it start anew; if one is
// moved each time, the answer is the largest count of the attempts, too low by what they missed.
[[nodiscard]] Result<Usage> measure_usage(int directory);

} // namespace lamina
