// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/usage.h"

#include <set>

#include "unpacker/tree/walk_tree.h"

namespace lamina {
namespace {

// stat(2): st_blocks counts units of 512 bytes, whatever the filesystem's block size is.
constexpr uint64_t kBlockUnit = 512;

void add(const struct stat& status, Usage& usage) {
    ++usage.inodes;
    usage.size_bytes += static_cast<uint64_t>(status.st_blocks) * kBlockUnit;
}

// A container that moves directories about does not stop for us, and a figure that is nearly right
// serves its readers (quotas, garbage collection) better than none.
constexpr int kAttempts = 3;

// Counts into `usage` until the end of the tree or an error.
Status count(int directory, Usage& usage) {
    struct stat root{};
    if (::fstat(directory, &root) != 0) {
        return fail(errno_error("fstat", "directory"));
    }
    add(root, usage);
    std::set<ino_t> linked; // a file with several names counts at the first that is met
    return walk_tree(directory, [&](int, const char*, const struct stat& status) -> Status {
        if (S_ISDIR(status.st_mode) || status.st_nlink == 1 ||
            linked.insert(status.st_ino).second) {
            add(status, usage);
        }
        return {};
    });
}

} // namespace

Result<Usage> measure_usage(int directory) {
    Usage largest;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Usage usage;
        const auto counted = count(directory, usage);
        if (counted) {
            return usage;
        }
        if (counted.error().code != ErrorCode::aborted) {
            return fail(counted.error());
        }
        if (usage.inodes > largest.inodes) {
            largest = usage;
        }
    }
    return largest;
}

} // namespace lamina
