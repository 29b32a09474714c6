// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "snapshotter/core/metadata_store.h"
#include "snapshotter/metadata/queries.h"

namespace lamina {

// The reading half of both kinds of transaction.
template <class Interface>
class Reading : public Interface {
  public:
    explicit Reading(Database& database) : database_(database) {}

    Result<SnapshotRecord> get(const std::string& key) final {
        return get_snapshot(database_, key);
    }
    Result<SnapshotRecord> get_by_id(SnapshotId id) final {
        return get_snapshot_by_id(database_, id);
    }
    Result<FrozenMounts> frozen_mounts(SnapshotId id) final {
        return get_frozen_mounts(database_, id);
    }
    Result<std::vector<LowerTree>> lowers(SnapshotId id) final { return get_lowers(database_, id); }
    Result<size_t> depth(SnapshotId id) final { return get_depth(database_, id); }
    Result<std::vector<SnapshotId>> wanted_flat_trees() final {
        return get_wanted_flat_trees(database_);
    }
    Status for_each(const std::function<Status(const SnapshotRecord&)>& visit) final {
        return visit_snapshots(database_, visit);
    }
    Result<SnapshotId> last_id() final { return get_last_id(database_); }
    Status check_commit(const CommitRequest& request) final {
        return check_snapshot_commit(database_, request);
    }

  protected:
    Database& database_;
};

using SqliteReadTransaction = Reading<ReadTransaction>;

// What a transaction wants done outside of the database.
struct SideEffects {
    std::vector<std::function<void()>> undo; // in the order they were given
    std::vector<int> directories;            // to be fsynced
};

class SqliteWriteTransaction final : public Reading<WriteTransaction> {
  public:
    SqliteWriteTransaction(Database& database, SideEffects& effects)
        : Reading(database), effects_(effects) {}

    Result<SnapshotRecord> create(const NewSnapshot& snapshot) override {
        return create_snapshot(database_, snapshot);
    }
    Status commit(const CommitRequest& request) override {
        return commit_snapshot(database_, request);
    }
    Status remove(const std::string& key) override { return remove_snapshot(database_, key); }
    Status set_labels(const std::string& key, const Labels& labels, Timestamp now) override {
        return replace_labels(database_, key, labels, now);
    }
    Status want_flat_tree(SnapshotId id) override { return insert_wanted_flat_tree(database_, id); }
    Status finish_flat_tree(SnapshotId id, std::optional<SnapshotId> base) override {
        return finish_wanted_flat_tree(database_, id, base);
    }
    Status forget_flat_tree(SnapshotId id) override {
        return delete_wanted_flat_tree(database_, id);
    }
    void on_rollback(std::function<void()> undo) override {
        effects_.undo.push_back(std::move(undo));
    }
    void sync_before_commit(int directory) override { effects_.directories.push_back(directory); }

  private:
    SideEffects& effects_;
};

} // namespace lamina
