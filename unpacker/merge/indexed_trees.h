// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/index/layer_index.h"
#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/merge/layer_trees.h"

namespace lamina {

// Some layers on disk, topmost first, and what is in them: what a merge of them is made of.
class IndexedTrees {
  public:
    // Walks the directories `paths`; errors are those of index_tree().
    static Result<IndexedTrees> walk(const std::vector<std::string>& paths, OverlayXattrs form,
                                     const std::stop_token& stop = {});

    // Borrowed from this object, which may be moved.
    [[nodiscard]] std::vector<const LayerIndex*> indexes() const;

    // As the range of a merge.
    [[nodiscard]] Result<LayerTrees> trees() const;

  private:
    std::vector<Fd> roots_;
    std::vector<LayerIndex> indexes_;
};

} // namespace lamina
