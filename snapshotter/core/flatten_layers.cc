// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/flatten_layers.h"

#include <utility>

#include <fmt/format.h>

#include "snapshotter/core/free_space.h"
#include "snapshotter/core/limits.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"

namespace lamina {
namespace {

struct Layers {
    std::vector<Fd> roots;
    std::vector<LayerIndex> indexes;

    [[nodiscard]] std::vector<const LayerIndex*> pointers() const {
        std::vector<const LayerIndex*> all;
        for (const LayerIndex& index : indexes) {
            all.push_back(&index);
        }
        return all;
    }
};

Result<Layers> index_all(const std::vector<std::string>& trees, OverlayXattrs form,
                         const std::stop_token& stop) {
    Layers layers;
    for (const std::string& tree : trees) {
        TRY_ASSIGN(Fd root, open_directory(tree));
        TRY_ASSIGN(LayerIndex index, index_tree(root.get(), form, stop));
        layers.roots.push_back(std::move(root));
        layers.indexes.push_back(std::move(index));
    }
    return layers;
}

// What the tree will take, if its leaves can be had as they are wanted.
FreeSpace demand_of(Merge merge, LeafSource leaves) {
    FreeSpace demand;
    while (const MergedEntry* const merged = merge.next()) {
        if (merged->entry->type == NodeType::directory) {
            ++demand.inodes;
            demand.bytes += kDirectoryBytes;
        } else if (leaves != LeafSource::hard_link) {
            ++demand.inodes;
            demand.bytes += merged->entry->size_bytes;
        }
    }
    return demand;
}

// A full disk would be everybody's.
Status check_room(int output, const FreeSpace& demand) {
    TRY_ASSIGN(const FreeSpace space, free_space_at(output));
    if (space.bytes < demand.bytes + kFlatTreeFreeBytes ||
        space.inodes < demand.inodes + kFlatTreeFreeInodes) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("too little space: the tree takes about {} bytes and {} inodes, "
                                "{} and {} are free",
                                demand.bytes, demand.inodes, space.bytes, space.inodes));
    }
    return {};
}

} // namespace

Result<TreeReport> flatten_layers(const std::vector<std::string>& range,
                                  const std::vector<std::string>& base, int output,
                                  const WriteOptions& options, const std::stop_token& stop) {
    TRY_ASSIGN(const Layers upper, index_all(range, options.form, stop));
    TRY_ASSIGN(const Layers lower, index_all(base, options.form, stop));
    const MergeLayers layers{upper.pointers(), lower.pointers()};
    TRY_ASSIGN(Merge dry_run, Merge::open(layers));
    TRY(check_room(output, demand_of(std::move(dry_run), options.leaves)));
    TRY_ASSIGN(Merge merge, Merge::open(layers));
    std::vector<int> roots;
    for (const Fd& root : upper.roots) {
        roots.push_back(root.get());
    }
    TRY_ASSIGN(LayerTrees trees, LayerTrees::open(roots));
    return write_tree(merge, trees, output, options, stop);
}

} // namespace lamina
