// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/core/layout.h"
#include "unpacker/layer/rebase_work.h"

namespace lamina {

// The file snapshots/<id>/rebase: what commit() has to do on the tree of a layer that was applied
// without its parents. There only when there is something to do, from the end of the Apply until
// the snapshot is committed. Under the lock of the upper directory.

// Replaces what is there. Not fsynced: after a power failure containerd starts the pull anew under
// another key, and this snapshot, whose files may be lost as well, is only removed.
[[nodiscard]] Status store_rebase_record(const Layout& layout, SnapshotId id,
                                         const RebaseWork& work);
// No work when there is no file; data_loss when it is damaged.
[[nodiscard]] Result<RebaseWork> load_rebase_record(const Layout& layout, SnapshotId id);
[[nodiscard]] Status remove_rebase_record(const Layout& layout, SnapshotId id);

} // namespace lamina
