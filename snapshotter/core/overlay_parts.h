// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "snapshotter/core/applied_trees.h"
#include "snapshotter/core/flat_jobs.h"
#include "snapshotter/core/layout.h"
#include "snapshotter/core/metadata_store.h"
#include "snapshotter/core/mount_plan.h"
#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/core/trash.h"
#include "snapshotter/core/upper_locks.h"

namespace lamina {

// What an OverlaySnapshotter consists of, and the steps that several of its calls share.
struct OverlaySnapshotter::Parts {
    Parts(const OverlayOptions& options, MountPolicy mount_policy, Layout opened_layout,
          std::unique_ptr<MetadataStore> opened_store)
        : upperdir_label(options.upperdir_label), sync_trees(options.sync_trees),
          sync(options.sync), policy(std::move(mount_policy)), layout(std::move(opened_layout)),
          store(std::move(opened_store)), squash(options.squash),
          trash(layout, {options.delete_threads, options.delete_when_idle}),
          flat_jobs({layout, *store, trash, squash,
                     policy.userxattr ? OverlayXattrs::user : OverlayXattrs::trusted, sync,
                     options.flat_tree_rest}) {}

    const bool upperdir_label;
    const bool sync_trees;
    const std::function<Status(int fd)> sync;
    const MountPolicy policy;
    const Layout layout;
    const std::unique_ptr<MetadataStore> store;
    UpperLocks locks;
    AppliedTrees applied;
    const SquashOptions squash;
    Trash trash;
    FlatJobs flat_jobs; // after what it uses

    Result<SnapshotRecord> get(const std::string& key);
    // The lock of `key`'s upper directory, taken by `take`: while it is held, `key` means the same
    // snapshot.
    using TakeLock = UpperLocks::Lock (UpperLocks::*)(SnapshotId);
    Result<UpperLocks::Lock> lock_upper(const std::string& key, TakeLock take);
    // Brings the tree of a snapshot that is about to be committed to what its place among the
    // layers asks for, and answers its usage: see settle_tree.cc. Under its lock.
    Result<Usage> settle_tree(const CommitRequest& request);
    // Makes the active snapshot `id` committed. Under its lock.
    Status record_commit(SnapshotId id, const CommitRequest& request);
    // Before `snapshot`, which settles what its parent is shown by, is created.
    void wait_for_flat_tree(const NewSnapshot& snapshot);
    // As it is shown to callers.
    Info shown(const SnapshotRecord& record) const;
};

// The mounts of an active snapshot or view.
[[nodiscard]] Result<Mounts> mounts_of(const Layout& layout, const SnapshotRecord& record,
                                       ReadTransaction& transaction);

} // namespace lamina
