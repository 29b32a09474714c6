// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/core/metadata_store.h"
#include "snapshotter/metadata/database.h"

namespace lamina {

// The operations of ReadTransaction and WriteTransaction, with their contracts, as SQL.

Result<SnapshotRecord> get_snapshot(Database& database, const std::string& key);
Result<SnapshotRecord> get_snapshot_by_id(Database& database, SnapshotId id);
Result<FrozenMounts> get_frozen_mounts(Database& database, SnapshotId id);
Result<std::vector<LowerTree>> get_lowers(Database& database, SnapshotId id);
Result<size_t> get_depth(Database& database, SnapshotId id);
Result<std::vector<SnapshotId>> get_wanted_flat_trees(Database& database);
Status visit_snapshots(Database& database,
                       const std::function<Status(const SnapshotRecord&)>& visit);
Result<SnapshotId> get_last_id(Database& database);
Status check_snapshot_commit(Database& database, const CommitRequest& request);

Result<SnapshotRecord> create_snapshot(Database& database, const NewSnapshot& snapshot);
Status commit_snapshot(Database& database, const CommitRequest& request);
Status remove_snapshot(Database& database, const std::string& key);
Status replace_labels(Database& database, const std::string& key, const Labels& labels,
                      Timestamp now);
Status insert_wanted_flat_tree(Database& database, SnapshotId id);
Status finish_wanted_flat_tree(Database& database, SnapshotId id, std::optional<SnapshotId> base);
Status delete_wanted_flat_tree(Database& database, SnapshotId id); // if there is one

} // namespace lamina
