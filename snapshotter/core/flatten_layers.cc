// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/flatten_layers.h"

#include <utility>

#include <fmt/format.h>

#include "snapshotter/core/free_space.h"
#include "snapshotter/core/limits.h"
#include "unpacker/merge/indexed_trees.h"

namespace lamina {
namespace {

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
    TRY_ASSIGN(const auto upper, IndexedTrees::walk(range, options.form, stop));
    TRY_ASSIGN(const auto lower, IndexedTrees::walk(base, options.form, stop));
    const MergeLayers layers{upper.indexes(), lower.indexes()};
    TRY_ASSIGN(Merge dry_run, Merge::open(layers));
    TRY(check_room(output, demand_of(std::move(dry_run), options.leaves)));
    TRY_ASSIGN(Merge merge, Merge::open(layers));
    TRY_ASSIGN(LayerTrees trees, upper.trees());
    return write_tree(merge, trees, output, options, stop);
}

} // namespace lamina
