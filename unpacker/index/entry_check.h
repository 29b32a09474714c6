// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unpacker/index/index_entry.h"

namespace lamina {

// Says of entries, in their order, whether together they can be the tree of a layer: what all
// readers of an index rely on.
class EntryCheck {
  public:
    // What is wrong with this entry; nullptr if nothing is.
    [[nodiscard]] const char* add(const IndexEntry& entry);

  private:
    [[nodiscard]] const char* check_path(const IndexEntry& entry);
    [[nodiscard]] const char* check_link_group(const IndexEntry& entry);

    bool has_root_ = false;
    std::string last_path_;
    std::vector<std::string> open_; // directories from below the root to the last entry
    std::vector<NodeType> groups_;  // type of each link group
};

} // namespace lamina
