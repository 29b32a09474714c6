// SPDX-License-Identifier: Apache-2.0
// What others may do with the tree of an Apply.
#include "snapshotter/core/filled_tree.h"

#include <fmt/format.h>

#include "snapshotter/core/apply_hold_state.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {

bool FilledTree::is_untouched() const {
    // A writable overlay makes a directory in its workdir when it is mounted, and leaves it there
    // (fs/overlayfs/super.c, ovl_make_workdir).
    const auto in_work = list_names(work_.get());
    return in_work && in_work->empty() && *untouched_;
}

Result<FilledTree> ApplyHold::share() const {
    const SnapshotId id = state_->lock.id();
    TRY_ASSIGN(Fd upper, open_directory(state_->layout.upper(id)));
    TRY_ASSIGN(Fd work, open_directory(state_->layout.work(id)));
    auto untouched = state_->applied.watch(id);
    if (untouched == nullptr) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("snapshot {} was not empty, or its mounts were asked for", id));
    }
    return FilledTree(std::move(upper), std::move(work), std::move(untouched));
}

} // namespace lamina
