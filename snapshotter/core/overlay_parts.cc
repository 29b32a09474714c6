// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/overlay_parts.h"

#include "snapshotter/core/labels.h"
#include "snapshotter/core/store_value.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

// What a commit means for flat trees.
struct FlatChange {
    std::optional<SnapshotId> settled; // the parent that it was committed onto
    bool is_wanted = false;
    bool maps_ids = false; // so that it is not wanted
};

Result<FlatChange> commit_and_want(const SquashOptions& options, SnapshotId id,
                                   const CommitRequest& request, WriteTransaction& transaction) {
    FlatChange change;
    TRY_ASSIGN(const auto active, transaction.get_by_id(id)); // the commit replaces its labels
    TRY(transaction.commit(request));
    if (!request.parent.empty()) { // else create() has settled it
        TRY_ASSIGN(const auto parent, transaction.get(request.parent));
        change.settled = parent.id;
    }
    if (!asks_for_flat_tree(options, request.key, request.labels)) {
        return change;
    }
    TRY_ASSIGN(const auto lowers, transaction.lowers(id));
    if (!is_deep_enough(options, lowers.size() + 1)) {
        return change;
    }
    change.maps_ids = maps_ids(request.labels) || maps_ids(active.info.labels);
    if (!change.maps_ids) {
        TRY(transaction.want_flat_tree(id));
        change.is_wanted = true;
    }
    return change;
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
    TRY_ASSIGN(const FlatChange change, write_value(*store, [&](WriteTransaction& transaction) {
                   return commit_and_want(squash, id, request, transaction);
               }));
    if (change.settled) {
        flat_jobs.cancel(*change.settled);
    }
    if (change.is_wanted) {
        flat_jobs.add(id);
    }
    if (change.maps_ids) {
        log::info("not flattened", {{"name", request.name}, {"reason", "its ids are mapped"}});
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
