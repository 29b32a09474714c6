// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace lamina {

enum class EntryType { file, directory, symlink, hard_link, character_device, block_device, fifo };

// Extended attributes in the order of the archive: name and raw value. Of two with one name the
// last one counts, since it is set last.
using Xattrs = std::vector<std::pair<std::string, std::string>>;

// One member of a tar archive as its header describes it. Names are raw: nothing of them has been
// checked or resolved.
struct Entry {
    EntryType type = EntryType::file;
    std::string name;
    std::string link_name; // target of a symlink, or name of the entry that a hard link points to
    uint64_t size_bytes = 0;
    bool is_sparse = false; // the archive holds less than size_bytes, behind a map
    uint32_t mode = 0;      // permissions, set-user-ID, set-group-ID and sticky: 07777
    uint64_t uid = 0;
    uint64_t gid = 0;
    dev_t device = 0;
    timespec access_time{};
    timespec modify_time{};
    Xattrs xattrs;
};

} // namespace lamina
