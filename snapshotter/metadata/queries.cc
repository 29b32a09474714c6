// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/queries.h"

#include <fmt/format.h>

namespace lamina {
namespace {

Timestamp time_of(int64_t nanoseconds) {
    return Timestamp(
        std::chrono::duration_cast<Timestamp::duration>(std::chrono::nanoseconds(nanoseconds)));
}

Result<Labels> labels_of(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto query, database.prepare("SELECT key, value FROM labels WHERE snapshot = ?"));
    query.bind(id);
    Labels labels;
    while (true) {
        TRY_ASSIGN(const bool row, query.step());
        if (!row) {
            return labels;
        }
        labels.emplace(query.text(0), query.text(1));
    }
}

// A row of the view `records`.
Result<SnapshotRecord> record_of(Database& database, const Statement& row) {
    SnapshotRecord record;
    record.id = row.integer(0);
    record.info.name = row.text(1);
    record.info.kind = static_cast<Kind>(row.integer(2));
    record.info.parent = row.text(3);
    record.info.created = time_of(row.integer(4));
    record.info.updated = time_of(row.integer(5));
    record.usage.inodes = static_cast<uint64_t>(row.integer(6)); // 0 for NULL
    record.usage.size_bytes = static_cast<uint64_t>(row.integer(7));
    TRY_ASSIGN(record.info.labels, labels_of(database, record.id));
    return record;
}

Status check_parent_of_commit(Database& database, const SnapshotRecord& active,
                              const std::string& parent) {
    if (parent.empty()) {
        return {};
    }
    if (!active.info.parent.empty() && active.info.parent != parent) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("snapshot {} has parent {}, cannot commit it onto {}",
                                active.info.name, active.info.parent, parent));
    }
    TRY_ASSIGN(const auto found, get_snapshot(database, parent));
    if (found.info.kind != Kind::committed) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("parent snapshot {} is not committed", parent));
    }
    return {};
}

} // namespace

Result<SnapshotRecord> get_snapshot(Database& database, const std::string& key) {
    TRY_ASSIGN(auto query, database.prepare("SELECT * FROM records WHERE name = ?"));
    TRY_ASSIGN(const bool row, query.bind(key).step());
    if (!row) {
        return fail(ErrorCode::not_found, fmt::format("snapshot {} does not exist", key));
    }
    return record_of(database, query);
}

Result<SnapshotRecord> get_snapshot_by_id(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto query, database.prepare("SELECT * FROM records WHERE id = ?"));
    TRY_ASSIGN(const bool row, query.bind(id).step());
    if (!row) {
        return fail(ErrorCode::not_found, fmt::format("no snapshot has id {}", id));
    }
    return record_of(database, query);
}

Result<size_t> get_depth(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto query, database.prepare(R"(
        WITH RECURSIVE chain (id) AS (
            SELECT parent FROM snapshots WHERE id = ?
            UNION ALL
            SELECT s.parent FROM chain JOIN snapshots AS s ON s.id = chain.id)
        SELECT count(id) FROM chain)"));
    TRY_ASSIGN(const bool row, query.bind(id).step());
    return row ? static_cast<size_t>(query.integer(0)) : 0;
}

Result<FrozenMounts> get_frozen_mounts(Database& database, SnapshotId id) {
    FrozenMounts mounts;
    TRY_ASSIGN(auto shape,
               database.prepare("SELECT overlay_without_parent FROM snapshots WHERE id = ?"));
    TRY_ASSIGN(const bool found, shape.bind(id).step());
    mounts.overlay_without_parent = found && shape.integer(0) != 0;
    TRY_ASSIGN(auto options, database.prepare("SELECT position, option FROM mount_options "
                                              "WHERE snapshot = ? ORDER BY position"));
    options.bind(id);
    while (true) {
        TRY_ASSIGN(const bool row, options.step());
        if (!row) {
            return mounts;
        }
        auto& list = options.integer(0) < 0 ? mounts.first_options : mounts.last_options;
        list.push_back(options.text(1));
    }
}

Status visit_snapshots(Database& database,
                       const std::function<Status(const SnapshotRecord&)>& visit) {
    TRY_ASSIGN(auto query, database.prepare("SELECT * FROM records ORDER BY name"));
    while (true) {
        TRY_ASSIGN(const bool row, query.step());
        if (!row) {
            return {};
        }
        TRY_ASSIGN(const auto record, record_of(database, query));
        TRY(visit(record));
    }
}

Result<SnapshotId> get_last_id(Database& database) {
    // Where AUTOINCREMENT remembers it (sqlite.org/autoinc.html); no row before the first insert.
    TRY_ASSIGN(auto query,
               database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'"));
    TRY_ASSIGN(const bool row, query.step());
    return row ? query.integer(0) : 0;
}

Status check_snapshot_commit(Database& database, const CommitRequest& request) {
    if (const auto taken = get_snapshot(database, request.name)) {
        return fail(ErrorCode::already_exists, fmt::format("snapshot {} exists", request.name));
    } else if (taken.error().code != ErrorCode::not_found) {
        return fail(taken.error());
    }
    TRY_ASSIGN(const auto active, get_snapshot(database, request.key));
    if (active.info.kind != Kind::active) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("snapshot {} is not active", request.key));
    }
    return check_parent_of_commit(database, active, request.parent);
}

} // namespace lamina
