// SPDX-License-Identifier: Apache-2.0
// Layers that were unpacked before their snapshot was prepared.
#include <fmt/format.h>

#include "snapshotter/core/apply_hold_state.h"
#include "snapshotter/core/overlay_parts.h"
#include "snapshotter/core/staged_tree.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

tl::unexpected<Error> not_untouched(SnapshotId id, std::string_view why) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("snapshot {} cannot take a staged tree: {}", id, why));
}

} // namespace

Status ApplyHold::check_untouched() const {
    const SnapshotId id = state_->lock.id();
    TRY_ASSIGN(const bool empty, is_empty_directory(state_->layout.upper(id)));
    if (!empty) {
        return not_untouched(id, "it holds files");
    }
    // A writable overlay makes a directory in its workdir when it is mounted, and leaves it there
    // (fs/overlayfs/super.c, ovl_make_workdir).
    TRY_ASSIGN(const bool never_mounted, is_empty_directory(state_->layout.work(id)));
    if (!never_mounted) {
        return not_untouched(id, "it was mounted");
    }
    if (!state_->applied.is_begun(id)) {
        return not_untouched(id, "its mounts were asked for");
    }
    return {};
}

Status ApplyHold::adopt(StagedTree& tree) {
    TRY(check_untouched());
    TRY(tree.exchange_with_upper(state_->lock.id()));
    state_->index.reset();
    if (auto index = tree.take_index()) {
        state_->index.emplace(*std::move(index));
    }
    return {};
}

Result<StagedTree> OverlaySnapshotter::stage_tree() {
    return StagedTree::make(parts_->layout, parts_->trash);
}

Result<FreeSpace> OverlaySnapshotter::free_space() const {
    return free_space_at(parts_->layout.staging());
}

} // namespace lamina
