// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"

namespace lamina {

// What an active snapshot's or view's mounts are made of besides its chain of parents. Kept from
// the moment of creation: whatever the configuration says later, mounts() answers the same.
struct FrozenMounts {
    bool overlay_without_parent = false;    // see mount_plan.h
    std::vector<std::string> first_options; // uidmap=, gidmap=
    std::vector<std::string> last_options;  // of overlay mounts only

    bool operator==(const FrozenMounts&) const = default;
};

// A lower directory of a mount.
struct LowerTree {
    SnapshotId id = 0;
    bool is_flat = false; // the snapshot's flat tree, else its own files

    bool operator==(const LowerTree&) const = default;
};

struct SnapshotRecord {
    SnapshotId id = 0;
    Info info;
    Usage usage; // committed snapshots only
};

struct NewSnapshot {
    Kind kind = Kind::active;
    std::string key;
    std::string parent; // a name, or empty
    Labels labels;
    Timestamp now;
    FrozenMounts mounts;
};

struct CommitRequest {
    std::string key;
    std::string name;
    std::string parent; // empty, or the parent to adopt; see Snapshotter::commit
    Labels labels;
    Usage usage;
    Timestamp now;
};

// A consistent view of all snapshots. Valid during the call that it was handed to, on that thread.
class ReadTransaction {
  public:
    virtual ~ReadTransaction() = default;

    // not_found when there is none.
    virtual Result<SnapshotRecord> get(const std::string& key) = 0;
    virtual Result<SnapshotRecord> get_by_id(SnapshotId id) = 0;
    virtual Result<FrozenMounts> frozen_mounts(SnapshotId id) = 0;
    // What shows the snapshot's chain of parents, nearest first: for each its own files, or its
    // flat tree in place of its own files and those of the ones below, down to above the base of
    // that tree. Always the same for one snapshot, once it has a parent.
    virtual Result<std::vector<LowerTree>> lowers(SnapshotId id) = 0;
    // How many snapshots its chain of parents has, however few directories show them.
    virtual Result<size_t> depth(SnapshotId id) = 0;
    // Committed snapshots whose flat tree is wanted and not finished, oldest first.
    virtual Result<std::vector<SnapshotId>> wanted_flat_trees() = 0;
    // All snapshots in bytewise order of their names, until `visit` fails.
    virtual Status for_each(const std::function<Status(const SnapshotRecord&)>& visit) = 0;
    // The highest id that any snapshot ever had; 0 before the first one.
    virtual Result<SnapshotId> last_id() = 0;
    // Whether WriteTransaction::commit() would succeed, with its errors.
    virtual Status check_commit(const CommitRequest& request) = 0;
};

// Changes, all or none of which happen. A snapshot that gets its first child, be it by create() or
// commit(), is from then on shown by what there is: an unfinished flat tree of it is not wanted any
// more.
class WriteTransaction : public ReadTransaction {
  public:
    // Checked in this order: not_found for an unknown parent, invalid_argument for one that is not
    // committed, already_exists for a key in use.
    virtual Result<SnapshotRecord> create(const NewSnapshot& snapshot) = 0;
    // Turns the active snapshot `key` into the committed `name`, same id. Checked in this order:
    // already_exists for a name in use, not_found for the key, failed_precondition for a key that
    // is not active, invalid_argument for a parent other than the present one, not_found and
    // failed_precondition for a parent that is unknown or not committed.
    virtual Status commit(const CommitRequest& request) = 0;
    // not_found, or failed_precondition when another snapshot has it as parent.
    virtual Status remove(const std::string& key) = 0;
    // Replaces all labels. not_found.
    virtual Status set_labels(const std::string& key, const Labels& labels, Timestamp now) = 0;

    // For a snapshot without children, once.
    virtual Status want_flat_tree(SnapshotId id) = 0;
    // The tree is there and stands for the chain down to above `base`, or for all of it, from now
    // on. failed_precondition if it is not wanted (any more).
    virtual Status finish_flat_tree(SnapshotId id, std::optional<SnapshotId> base) = 0;
    // Wants it no more, if it is wanted and not finished.
    virtual Status forget_flat_tree(SnapshotId id) = 0;

    // `undo` runs if this transaction does not become durable, before any later transaction
    // starts: for what a transaction did outside of the store.
    virtual void on_rollback(std::function<void()> undo) = 0;
    // The borrowed `directory` is fsynced before the commit, once for all transactions that share
    // it: what was renamed into it is on disk when the record that names it is.
    virtual void sync_before_commit(int directory) = 0;
};

// Where snapshots are recorded. Every call may come from any thread; the function that is given
// may run on another thread, but never after the call returned.
class MetadataStore {
  public:
    virtual ~MetadataStore() = default;

    // Never waits for writers.
    virtual Status read(const std::function<Status(ReadTransaction&)>& work) = 0;
    // Durable when it returns without error. An error of `work` undoes `work` and is returned.
    // `work` must be quick, as all writers wait for it, and must not call the store.
    virtual Status write(const std::function<Status(WriteTransaction&)>& work) = 0;
};

} // namespace lamina
