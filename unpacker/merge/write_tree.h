// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>

#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/merge/layer_trees.h"
#include "unpacker/merge/merge.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// How the tree comes by files, links, devices: by the first of these that the filesystem allows,
// from the chosen one on.
enum class LeafSource {
    hard_link, // shares the layer's inode, and its pages in memory; st_nlink grows
    reflink,   // an inode of its own that shares the layer's blocks (ioctl_ficlone(2))
    copy,
};

struct WriteOptions {
    LeafSource leaves = LeafSource::hard_link;
    OverlayXattrs form = OverlayXattrs::trusted;
    // Layers of the range that somebody may still write to (the upper of a container): no inode of
    // theirs is shared.
    std::set<size_t> active_layers;
};

struct TreeReport {
    uint64_t directories = 0;
    uint64_t leaves = 0;        // names of anything else but whiteouts
    uint64_t copied_inodes = 0; // those of leaves that the tree does not share; reflinks too
    uint64_t whiteouts = 0;
    Usage own; // what the tree takes beside the layers
};

// Writes what `merge`, not yet begun, gives into the empty directory `output` (borrowed), which
// becomes the root with its owner, mode, xattrs and times. `layers` are the trees of its range.
// They are never changed: of linked inodes only the number of links is. Lower layers that share
// inodes are safe, since overlayfs does not write to them.
//
// A leaf is copied where it cannot be linked: EXDEV, EMLINK, EPERM, EOPNOTSUPP, or because its
// inode has marks of overlayfs. Names of one inode stay so, but for those beyond EMLINK.
//
// `output` has no default ACL, which new directories would inherit. File attributes (chattr(1)) are
// not kept.
//
// After an error `output` holds a part of the tree, for the caller to remove. Nothing is flushed to
// disk. canceled soon after `stop`. One thread.
[[nodiscard]] Result<TreeReport> write_tree(Merge& merge, LayerTrees& layers, int output,
                                            const WriteOptions& options,
                                            const std::stop_token& stop = {});

} // namespace lamina
