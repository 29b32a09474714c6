// SPDX-License-Identifier: Apache-2.0
#include "unpacker/merge/indexed_trees.h"

#include <utility>

#include "unpacker/index/index_tree.h"

namespace lamina {

Result<IndexedTrees> IndexedTrees::walk(const std::vector<std::string>& paths, OverlayXattrs form,
                                        const std::stop_token& stop) {
    IndexedTrees trees;
    for (const std::string& path : paths) {
        TRY_ASSIGN(Fd root, open_directory(path));
        TRY_ASSIGN(LayerIndex index, index_tree(root.get(), form, stop));
        trees.roots_.push_back(std::move(root));
        trees.indexes_.push_back(std::move(index));
    }
    return trees;
}

std::vector<const LayerIndex*> IndexedTrees::indexes() const {
    std::vector<const LayerIndex*> all;
    for (const LayerIndex& index : indexes_) {
        all.push_back(&index);
    }
    return all;
}

Result<LayerTrees> IndexedTrees::trees() const {
    std::vector<int> roots;
    for (const Fd& root : roots_) {
        roots.push_back(root.get());
    }
    return LayerTrees::open(roots);
}

} // namespace lamina
