// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "snapshotter/metadata/queries.h"

namespace lamina {

Result<std::vector<LowerTree>> get_lowers(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto query, database.prepare(R"(
        WITH RECURSIVE lowers (depth, id, is_flat, below) AS (
            SELECT 0, t.id, t.is_flat, t.below
            FROM snapshots AS s JOIN lower_trees AS t ON t.id = s.parent WHERE s.id = ?
            UNION ALL
            SELECT depth + 1, t.id, t.is_flat, t.below
            FROM lowers JOIN lower_trees AS t ON t.id = lowers.below)
        SELECT id, is_flat FROM lowers ORDER BY depth)"));
    query.bind(id);
    std::vector<LowerTree> lowers;
    while (true) {
        TRY_ASSIGN(const bool row, query.step());
        if (!row) {
            return lowers;
        }
        lowers.push_back({query.integer(0), query.integer(1) != 0});
    }
}

Result<std::vector<SnapshotId>> get_wanted_flat_trees(Database& database) {
    TRY_ASSIGN(auto query,
               database.prepare("SELECT snapshot FROM flat_trees WHERE NOT is_ready ORDER BY 1"));
    std::vector<SnapshotId> wanted;
    while (true) {
        TRY_ASSIGN(const bool row, query.step());
        if (!row) {
            return wanted;
        }
        wanted.push_back(query.integer(0));
    }
}

Status insert_wanted_flat_tree(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto insert, database.prepare("INSERT INTO flat_trees VALUES (?, NULL, 0)"));
    return insert.bind(id).run();
}

Status finish_wanted_flat_tree(Database& database, SnapshotId id, std::optional<SnapshotId> base) {
    TRY_ASSIGN(auto update, database.prepare("UPDATE flat_trees SET base = ?, is_ready = 1 "
                                             "WHERE snapshot = ? AND NOT is_ready "
                                             "RETURNING snapshot"));
    if (base) {
        update.bind(*base);
    } else {
        update.bind_null();
    }
    TRY_ASSIGN(const bool row, update.bind(id).step());
    if (!row) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("the flat tree of snapshot {} is not wanted any more", id));
    }
    return {};
}

Status delete_wanted_flat_tree(Database& database, SnapshotId id) {
    TRY_ASSIGN(auto remove,
               database.prepare("DELETE FROM flat_trees WHERE snapshot = ? AND NOT is_ready"));
    return remove.bind(id).run();
}

} // namespace lamina
