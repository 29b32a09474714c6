// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/overlay_parts.h"

#include "snapshotter/core/labels.h"
#include "snapshotter/core/store_value.h"

namespace lamina {
Result<SnapshotRecord> OverlaySnapshotter::Parts::get(const std::string& key) {
    return read_value(*store, [&](ReadTransaction& transaction) { return transaction.get(key); });
}

Result<UpperLocks::Lock> OverlaySnapshotter::Parts::lock_upper(const std::string& key,
                                                               TakeLock take) {
    while (true) {
        TRY_ASSIGN(const auto before, get(key));
        auto lock = (locks.*take)(before.id);
        TRY_ASSIGN(const auto now, get(key)); // it may have gone while we waited
        if (now.id == before.id) {
            return lock;
        }
    }
}

Info OverlaySnapshotter::Parts::shown(const SnapshotRecord& record) const {
    Info info = record.info;
    if (upperdir_label) {
        info.labels[std::string(label::kOverlayUpperdir)] = layout.upper(record.id);
    }
    return info;
}

Result<Mounts> mounts_of(const Layout& layout, const SnapshotRecord& record,
                         ReadTransaction& transaction) {
    TRY_ASSIGN(const auto frozen, transaction.frozen_mounts(record.id));
    TRY_ASSIGN(const auto ancestors, transaction.ancestors(record.id));
    return plan_mounts(layout, record, frozen, ancestors);
}

} // namespace lamina
