// SPDX-License-Identifier: Apache-2.0
// What commit() does to a tree. Only a layer that was prepared without its parents changes: where
// it belongs is known only now.
#include <sys/stat.h>
#include <unistd.h>

#include "snapshotter/core/id_map.h"
#include "snapshotter/core/overlay_parts.h"
#include "snapshotter/core/rebase_record.h"
#include "snapshotter/core/snapshot_index.h"
#include "snapshotter/core/staged_snapshot.h"
#include "snapshotter/core/store_value.h"
#include "snapshotter/core/strip_whiteouts.h"
#include "unpacker/base/fd.h"
#include "unpacker/layer/rebase_layer.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

struct CommittableSnapshot {
    SnapshotRecord record;
    bool overlay_without_parent = false;
    std::vector<std::string> lowerdirs; // of the parent that the request names, nearest first
};

Result<std::vector<std::string>> lowerdirs_on(const std::string& parent, const Layout& layout,
                                              ReadTransaction& transaction) {
    TRY_ASSIGN(const auto record, transaction.get(parent));
    TRY_ASSIGN(auto lowers, transaction.lowers(record.id));
    lowers.insert(lowers.begin(), LowerTree{.id = record.id});
    return lower_paths(layout, lowers);
}

Result<CommittableSnapshot> committable(MetadataStore& store, const Layout& layout,
                                        const CommitRequest& request) {
    return read_value(store, [&](ReadTransaction& transaction) -> Result<CommittableSnapshot> {
        TRY(transaction.check_commit(request));
        CommittableSnapshot found;
        TRY_ASSIGN(found.record, transaction.get(request.key));
        TRY_ASSIGN(const auto frozen, transaction.frozen_mounts(found.record.id));
        found.overlay_without_parent = frozen.overlay_without_parent;
        if (!request.parent.empty()) {
            TRY_ASSIGN(found.lowerdirs, lowerdirs_on(request.parent, layout, transaction));
        }
        return found;
    });
}

// As if the snapshot had been prepared with that parent (OverlaySnapshotter::create).
Status take_owner(int upper, const Labels& labels, const std::string& parent_upper) {
    TRY_ASSIGN(const auto mapped, mapped_root(labels));
    if (mapped) {
        return {};
    }
    TRY_ASSIGN(const Owner owner, owner_of(parent_upper));
    if (::fchown(upper, owner.uid, owner.gid) != 0) {
        return fail(errno_error("chown", "upper directory"));
    }
    return {};
}

// A base layer after all. What is known of its tree stops being true, unless nothing has to go.
Status become_base(int upper, SnapshotId id, AppliedTrees& applied) {
    if (const auto known = applied.find(id); known && known->whiteouts == 0) {
        return {};
    }
    applied.forget(id);
    return strip_whiteouts(upper);
}

// What was found out when the layer was applied is done now. A commit that fails after this may be
// tried again, with the same parent: another one would find what this one left. containerd removes
// the key of a failed commit.
Status become_upper(int upper, const CommittableSnapshot& active, const Layout& layout,
                    AppliedTrees& applied) {
    const SnapshotId id = active.record.id;
    TRY_ASSIGN(const RebaseWork work, load_rebase_record(layout, id));
    TRY(take_owner(upper, active.record.info.labels, active.lowerdirs.front()));
    auto known = applied.find(id);
    const auto change = rebase_layer(upper, work, active.lowerdirs);
    if (!change) {
        applied.forget(id); // it may have changed
        return fail(change.error());
    }
    if (known) {
        known->usage.inodes += change->added.inodes;
        known->usage.size_bytes += change->added.size_bytes;
        known->whiteouts += change->whiteouts;
        applied.finish(id, *known);
    }
    return {};
}

// After a restart nobody knows, and one sync more than needed does no harm.
bool may_be_on_disk(const std::optional<AppliedTree>& known) {
    return !known || known->is_on_disk;
}

// An index stays if it was recorded in the only Apply, and nobody asked for the mounts since or
// mounted them (adopt_tree.cc says how that is seen).
Status settle_index(const Layout& layout, SnapshotId id, const std::optional<AppliedTree>& known) {
    if (known && known->is_indexed) {
        TRY_ASSIGN(const bool never_mounted, is_empty_directory(layout.work(id)));
        if (never_mounted) {
            return {};
        }
    }
    return remove_index(layout, id);
}

} // namespace

Result<Usage> OverlaySnapshotter::Parts::settle_tree(const CommitRequest& request) {
    // Before the tree is touched.
    TRY_ASSIGN(const auto active, committable(*store, layout, request));
    const SnapshotId id = active.record.id;
    TRY(applied.check_whole(id));
    TRY_ASSIGN(const auto upper, open_directory(layout.upper(id)));
    const bool syncs = sync_trees || may_be_on_disk(applied.find(id));
    if (active.overlay_without_parent && request.parent.empty()) {
        TRY(become_base(upper.get(), id, applied));
    } else if (active.overlay_without_parent) {
        TRY(become_upper(upper.get(), active, layout, applied));
    }
    if (active.overlay_without_parent && syncs) {
        TRY(sync(upper.get()));
    }
    const auto known = applied.find(id);
    TRY(settle_index(layout, id, known));
    return known ? known->usage : measure_usage(upper.get());
}

} // namespace lamina
