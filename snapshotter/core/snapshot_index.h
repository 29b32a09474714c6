// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "snapshotter/core/layout.h"
#include "unpacker/index/layer_index.h"
#include "unpacker/index/overlay_xattrs.h"

namespace lamina {

// The file snapshots/<id>/index: what is in the tree of the snapshot, so that nobody has to walk
// it. Apply leaves it where it filled the tree from empty; commit() removes it unless nobody can
// have touched the tree since. So it is believed of committed snapshots only.

// The index of the committed snapshot `id`. Read from its file; where there is none, or it is
// damaged or of another tree, made by a walk, in proportion to the tree, and kept for the next time
// if that is possible. `form` is where overlayfs keeps its marks in mounts of this snapshotter;
// files hold the form trusted only.
//
// Thread-safe. If the snapshot is removed meanwhile, not_found or an index of what was left. Else
// the errors of index_tree().
[[nodiscard]] Result<LayerIndex> index_of_snapshot(const Layout& layout, SnapshotId id,
                                                   OverlayXattrs form, const std::stop_token& stop);

// Below layout.snapshots().
[[nodiscard]] std::string index_name(SnapshotId id);
// No error if there is none.
[[nodiscard]] Status remove_index(const Layout& layout, SnapshotId id);

} // namespace lamina
