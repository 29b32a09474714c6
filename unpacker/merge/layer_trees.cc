// SPDX-License-Identifier: Apache-2.0
#include "unpacker/merge/layer_trees.h"

#include <utility>

#include <fcntl.h>

#include "unpacker/base/text.h"
#include "unpacker/index/path_order.h"

namespace lamina {

Result<LayerTrees> LayerTrees::open(const std::vector<int>& roots) {
    std::vector<TreePath> trees;
    for (const int root : roots) {
        TRY_ASSIGN(TreePath tree, TreePath::open(root));
        trees.push_back(std::move(tree));
    }
    return LayerTrees(std::move(trees));
}

Result<NameAt> LayerTrees::find(const MergedEntry& merged) {
    const std::string& path = merged.entry->path;
    TRY(move_to(merged.layer, parent_path(path)));
    return NameAt{trees_[merged.layer].fd(), path.empty() ? "." : std::string(last_name(path))};
}

Result<Fd> LayerTrees::open_entry(const MergedEntry& merged) {
    TRY_ASSIGN(const NameAt at, find(merged));
    const bool is_directory = merged.entry->type == NodeType::directory;
    // O_NONBLOCK: should a fifo be there instead, opening it waits for nobody.
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (is_directory ? O_DIRECTORY : 0);
    return open_at(at.directory, at.name, flags);
}

Result<Fd> LayerTrees::open_directory(size_t layer, const std::string& path) {
    TRY(move_to(layer, path));
    return open_directory_at(trees_[layer].fd(), ".");
}

Status LayerTrees::move_to(size_t layer, std::string_view path) {
    auto moved = trees_.at(layer).move_to(path);
    return moved ? Status{} : fail(with_context(shortened(path), std::move(moved).error()));
}

} // namespace lamina
