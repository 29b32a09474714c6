// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/overlay_parts.h"

#include "snapshotter/core/labels.h"
#include "snapshotter/core/store_value.h"

namespace lamina {
namespace {

// Before the commit takes the labels of the active snapshot away.
Result<bool> may_have_flat_tree(const SquashOptions& options, SnapshotId id,
                                const CommitRequest& request, ReadTransaction& transaction) {
    if (!asks_for_flat_tree(options, request.labels)) {
        return false;
    }
    TRY_ASSIGN(const auto active, transaction.get_by_id(id));
    return !maps_ids(active.info.labels);
}

} // namespace

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

Status OverlaySnapshotter::Parts::record_commit(SnapshotId id, const CommitRequest& request) {
    std::optional<SnapshotId> settled;
    TRY_ASSIGN(const bool is_wanted,
               write_value(*store, [&](WriteTransaction& transaction) -> Result<bool> {
                   TRY_ASSIGN(const bool may, may_have_flat_tree(squash, id, request, transaction));
                   TRY(transaction.commit(request));
                   if (!request.parent.empty()) { // else by create()
                       TRY_ASSIGN(const auto parent, transaction.get(request.parent));
                       settled = parent.id;
                   }
                   if (!may) {
                       return false;
                   }
                   TRY_ASSIGN(const auto lowers, transaction.lowers(id));
                   if (!is_deep_enough(squash, lowers.size() + 1)) {
                       return false;
                   }
                   TRY(transaction.want_flat_tree(id));
                   return true;
               }));
    if (settled) {
        flat_jobs.cancel(*settled);
    }
    if (is_wanted) {
        flat_jobs.add(id);
    }
    return {};
}

void OverlaySnapshotter::Parts::wait_for_flat_tree(const NewSnapshot& snapshot) {
    if (!squash.wait || snapshot.parent.empty() || is_extract_key(snapshot.key)) {
        return;
    }
    if (const auto parent = get(snapshot.parent)) { // else create() says what is wrong
        flat_jobs.wait(parent->id);
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
    TRY_ASSIGN(const auto lowers, transaction.lowers(record.id));
    return plan_mounts(layout, record, frozen, lowers);
}

} // namespace lamina
