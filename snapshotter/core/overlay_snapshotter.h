// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "snapshotter/core/apply_hold.h"
#include "snapshotter/core/free_space.h"
#include "snapshotter/core/limits.h"
#include "snapshotter/core/metadata_store.h"
#include "snapshotter/core/snapshotter.h"
#include "snapshotter/core/squash_options.h"
#include "snapshotter/core/staged_tree.h"
#include "unpacker/base/sync_filesystem.h"

namespace lamina {

struct OverlayOptions {
    // Absolute, without ':' and ','. Made with mode 0700 when missing.
    std::string root;
    // Added to every overlay mount of snapshots that are created from now on; not to binds.
    std::vector<std::string> mount_options;
    // Show each snapshot's upper directory as label containerd.io/snapshot/overlay.upperdir.
    bool upperdir_label = false;
    // Answer uidmap= and gidmap= for snapshots with id mapping labels (capability remap-ids).
    bool remap_ids = false;
    // Flat trees in place of many lower directories; see README.md.
    SquashOptions squash;
    // How long a chain is left alone before its flat tree is begun, unless somebody waits for it.
    std::chrono::milliseconds flat_tree_rest = kFlatTreeRest;
    // What commit() itself changes in a tree is on the disk before the snapshot is committed. It
    // always is if the tree was when its Apply ended (AppliedTree::is_on_disk).
    bool sync_trees = false;
    // How that is brought about.
    std::function<Status(int fd)> sync = sync_filesystem;
    // Removed trees are deleted by this many threads.
    unsigned delete_threads = 1;
    // Delete only when the processors and the disk are idle, nice(2) 19 and ioprio_set(2).
    bool delete_when_idle = false;
};

// Snapshots as plain directories that the kernel's overlayfs stacks. The state below root:
//   metadata.db             the MetadataStore's
//   snapshots/<id>/fs       a snapshot's own files, the upper directory of an active one
//   snapshots/<id>/flat     what stands for them and their parents' in mounts, see README.md
//   snapshots/<id>/work     overlayfs's scratch directory, active snapshots only
//   snapshots/empty         the lower directory of overlay mounts without parent
//   staging/, trash/        trees not yet and no longer in use; see README.md
class OverlaySnapshotter final : public Snapshotter {
  public:
    // Checks what the filesystem can do, and starts to delete what a crash left behind. `store`
    // must be the one that belongs to options.root, opened before, which also locks it.
    // invalid_argument for an unusable root or mount option; failed_precondition for an unusable
    // filesystem, and for a store that is new or older than the trees, before anything is deleted.
    static Result<std::unique_ptr<OverlaySnapshotter>> open(OverlayOptions options,
                                                            std::unique_ptr<MetadataStore> store);
    // All ApplyHolds and StagedTrees must be gone.
    ~OverlaySnapshotter() override;

    Result<Mounts> prepare(const std::string& key, const std::string& parent,
                           const Labels& labels) override;
    Result<Mounts> view(const std::string& key, const std::string& parent,
                        const Labels& labels) override;
    Result<Mounts> mounts(const std::string& key) override;
    Status commit(const std::string& name, const std::string& key, const Labels& labels,
                  const std::string& parent) override;
    Status remove(const std::string& key) override;
    Result<Info> stat(const std::string& key) override;
    Result<Info> update(const Info& info, const std::vector<std::string>& field_paths) override;
    Status walk(const std::vector<std::string>& filters,
                const std::function<Status(const Info&)>& visit) override;
    Result<Usage> usage(const std::string& key) override;
    Status cleanup() override;

    // The active snapshot that was answered exactly these mounts, but for redirect_dir, held while
    // a layer is written into it. unimplemented, before anything is touched, for mounts of other
    // directories, with other options, or that map ids, so that containerd asks its next differ;
    // failed_precondition for a directory of this object whose snapshot is gone or not active, and
    // while it is held, committed or removed by another call.
    Result<ApplyHold> hold_for_apply(const Mounts& mounts);

    // A directory for a layer that ApplyHold::adopt() may take later.
    Result<StagedTree> stage_tree();
    // False once it was removed; the key of an active snapshot changes, its id does not.
    Result<bool> has_snapshot(SnapshotId id);
    // Of the filesystem below root.
    Result<FreeSpace> free_space() const;
    // Removed trees that are still to be deleted.
    [[nodiscard]] size_t trash_trees();
    [[nodiscard]] FlatTreeCounts flat_trees();

  private:
    struct Parts;
    explicit OverlaySnapshotter(std::unique_ptr<Parts> parts);

    Result<Mounts> create(Kind kind, const std::string& key, const std::string& parent,
                          const Labels& labels);

    std::unique_ptr<Parts> parts_;
};

} // namespace lamina
