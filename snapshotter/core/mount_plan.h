// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "snapshotter/core/layout.h"
#include "snapshotter/core/metadata_store.h"

namespace lamina {

// Options that the configuration and this machine ask for in new mounts.
struct MountPolicy {
    std::vector<std::string> mount_options;
    bool remap_ids = false;
    bool index_off = false; // the kernel knows the option `index`
    bool userxattr = false; // this process is in a user namespace
};

// Whether containerd's unpacker writes the next layer of an image into the snapshot `key`.
[[nodiscard]] bool is_extract_key(std::string_view key);

// Whether a snapshot gets an overlay mount although it has no parent. A layer that containerd
// unpacks in parallel with its parents (rebase, containerd 2.2) is prepared like that; its
// whiteouts must become overlay whiteouts, which a walking applier makes only for overlay mounts.
// Everything else without parent is a bind, as BuildKit and containerd's tests demand.
[[nodiscard]] bool is_rebase_candidate(const NewSnapshot& snapshot);

// What the mounts of a new snapshot have to remember.
[[nodiscard]] FrozenMounts freeze_mounts(const NewSnapshot& snapshot, const MountPolicy& policy);

// Nearest first, as in `lowers`.
[[nodiscard]] std::vector<std::string> lower_paths(const Layout& layout,
                                                   const std::vector<LowerTree>& lowers);

// The mounts of an active snapshot or view: shapes and order of options are those of containerd
// 2.x's overlay snapshotter. `lowers`: nearest first.
[[nodiscard]] Mounts plan_mounts(const Layout& layout, const SnapshotRecord& record,
                                 const FrozenMounts& frozen, const std::vector<LowerTree>& lowers);

} // namespace lamina
