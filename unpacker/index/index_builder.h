// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "unpacker/index/index_entry.h"
#include "unpacker/index/layer_index.h"

namespace lamina {

// Makes an index of entries that come in any order. One thread at a time.
class IndexBuilder {
  public:
    // `link_group` is any number that all names of one inode have and no other; a group with a
    // single name in the end is none.
    void add(IndexEntry entry) { entries_.push_back(std::move(entry)); }

    // Once. invalid_argument if the entries are no complete tree.
    [[nodiscard]] Result<LayerIndex> build();

  private:
    void number_link_groups();

    std::vector<IndexEntry> entries_;
};

} // namespace lamina
