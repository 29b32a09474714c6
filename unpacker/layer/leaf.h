// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/layer/metadata.h"
#include "unpacker/tar/reader.h"

namespace lamina {

enum class LeafType { file, symlink, character_device, block_device, fifo, whiteout };

// Something to be made in a directory that is no directory itself.
struct Leaf {
    std::shared_ptr<const Fd> directory;
    std::string name;
    LeafType type = LeafType::file;
    std::string link_target; // of a symlink
    dev_t device = 0;
    uint64_t size_bytes = 0;
    Metadata metadata;      // of a whiteout only the owner
    std::string entry_name; // as the archive spells it, for errors
};

} // namespace lamina
