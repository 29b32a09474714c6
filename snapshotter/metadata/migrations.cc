// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/migrations.h"

#include <fmt/format.h>

namespace lamina {
namespace {

Result<size_t> schema_version(Database& database) {
    TRY_ASSIGN(auto query, database.prepare("PRAGMA user_version"));
    TRY(query.step());
    return static_cast<size_t>(query.integer(0));
}

Status apply(Database& database, std::span<const char* const> steps, size_t version) {
    for (const char* step : steps) {
        TRY(database.execute(step));
    }
    return database.execute(fmt::format("PRAGMA user_version = {}", version));
}

} // namespace

Status migrate(Database& database, std::span<const char* const> migrations) {
    TRY_ASSIGN(const size_t version, schema_version(database));
    if (version > migrations.size()) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("metadata.db has schema {}, written by a newer version; this one "
                                "knows schemas up to {}",
                                version, migrations.size()));
    }
    if (version == migrations.size()) {
        return {};
    }
    TRY(database.execute("BEGIN IMMEDIATE"));
    auto applied = apply(database, migrations.subspan(version), migrations.size());
    if (!applied) {
        // Nothing to add if this fails too: closing the database has the same effect.
        (void)database.execute("ROLLBACK");
        return fail(with_context("migrate metadata.db", applied.error()));
    }
    return database.execute("COMMIT");
}

} // namespace lamina
