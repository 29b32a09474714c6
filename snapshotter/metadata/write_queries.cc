// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "snapshotter/metadata/queries.h"

namespace lamina {
namespace {

int64_t nanoseconds_of(Timestamp time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Result<SnapshotId> committed_parent(Database& database, const std::string& parent) {
    TRY_ASSIGN(const auto record, get_snapshot(database, parent));
    if (record.info.kind != Kind::committed) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("parent snapshot {} is not committed", parent));
    }
    return record.id;
}

Status insert_labels(Database& database, SnapshotId id, const Labels& labels) {
    for (const auto& [key, value] : labels) {
        TRY_ASSIGN(auto insert, database.prepare("INSERT INTO labels VALUES (?, ?, ?)"));
        TRY(insert.bind(id).bind(key).bind(value).run());
    }
    return {};
}

Status delete_labels(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto remove, database.prepare("DELETE FROM labels WHERE snapshot = ?"));
    return remove.bind(id).run();
}

Status insert_options(Database& database, SnapshotId id, const std::vector<std::string>& options,
                      int64_t position) {
    for (const auto& option : options) {
        TRY_ASSIGN(auto insert, database.prepare("INSERT INTO mount_options VALUES (?, ?, ?)"));
        TRY(insert.bind(id).bind(position++).bind(option).run());
    }
    return {};
}

Status insert_mounts(Database& database, SnapshotId id, const FrozenMounts& mounts) {
    const auto first = static_cast<int64_t>(mounts.first_options.size());
    TRY(insert_options(database, id, mounts.first_options, -first));
    return insert_options(database, id, mounts.last_options, 0);
}

Status insert_snapshot(Database& database, const NewSnapshot& snapshot) {
    TRY_ASSIGN(auto insert, database.prepare(R"(
        INSERT INTO snapshots (name, kind, created_ns, updated_ns, overlay_without_parent, parent)
        VALUES (?, ?, ?, ?, ?, ?))"));
    insert.bind(snapshot.key).bind(static_cast<int64_t>(snapshot.kind));
    insert.bind(nanoseconds_of(snapshot.now)).bind(nanoseconds_of(snapshot.now));
    insert.bind(int64_t{snapshot.mounts.overlay_without_parent});
    if (snapshot.parent.empty()) {
        return insert.bind_null().run();
    }
    TRY_ASSIGN(const auto parent, committed_parent(database, snapshot.parent));
    TRY(insert.bind(parent).run());
    return delete_wanted_flat_tree(database, parent);
}

Status adopt_parent(Database& database, SnapshotId id, const std::string& parent) {
    TRY_ASSIGN(const auto record, get_snapshot(database, parent));
    TRY_ASSIGN(auto update, database.prepare("UPDATE snapshots SET parent = ? WHERE id = ?"));
    TRY(update.bind(record.id).bind(id).run());
    return delete_wanted_flat_tree(database, record.id);
}

Status turn_committed(Database& database, SnapshotId id, const CommitRequest& request) {
    TRY_ASSIGN(auto update, database.prepare(R"(
        UPDATE snapshots SET kind = 3, name = ?, created_ns = ?, updated_ns = ?, inodes = ?,
                             size_bytes = ?, overlay_without_parent = 0 WHERE id = ?)"));
    update.bind(request.name);
    update.bind(nanoseconds_of(request.now)).bind(nanoseconds_of(request.now));
    update.bind(static_cast<int64_t>(request.usage.inodes));
    update.bind(static_cast<int64_t>(request.usage.size_bytes));
    TRY(update.bind(id).run());
    TRY_ASSIGN(auto remove, database.prepare("DELETE FROM mount_options WHERE snapshot = ?"));
    return remove.bind(id).run();
}

} // namespace

Result<SnapshotRecord> create_snapshot(Database& database, const NewSnapshot& snapshot) {
    auto inserted = insert_snapshot(database, snapshot);
    if (!inserted && inserted.error().code == ErrorCode::already_exists) {
        return fail(ErrorCode::already_exists, fmt::format("snapshot {} exists", snapshot.key));
    }
    TRY(inserted);
    const SnapshotId id = database.last_insert_id();
    TRY(insert_labels(database, id, snapshot.labels));
    TRY(insert_mounts(database, id, snapshot.mounts));
    return get_snapshot_by_id(database, id);
}

Status commit_snapshot(Database& database, const CommitRequest& request) {
    TRY(check_snapshot_commit(database, request));
    TRY_ASSIGN(const auto active, get_snapshot(database, request.key));
    if (!request.parent.empty()) {
        TRY(adopt_parent(database, active.id, request.parent));
    }
    TRY(turn_committed(database, active.id, request));
    TRY(delete_labels(database, active.id));
    return insert_labels(database, active.id, request.labels);
}

Status remove_snapshot(Database& database, const std::string& key) {
    TRY_ASSIGN(const auto record, get_snapshot(database, key));
    TRY_ASSIGN(auto remove, database.prepare("DELETE FROM snapshots WHERE id = ?"));
    auto removed = remove.bind(record.id).run();
    if (!removed && removed.error().code == ErrorCode::failed_precondition) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("cannot remove snapshot {}: it has children", key));
    }
    return removed;
}

Status replace_labels(Database& database, const std::string& key, const Labels& labels,
                      Timestamp now) {
    TRY_ASSIGN(const auto record, get_snapshot(database, key));
    TRY(delete_labels(database, record.id));
    TRY(insert_labels(database, record.id, labels));
    TRY_ASSIGN(auto update, database.prepare("UPDATE snapshots SET updated_ns = ? WHERE id = ?"));
    return update.bind(nanoseconds_of(now)).bind(record.id).run();
}

} // namespace lamina
