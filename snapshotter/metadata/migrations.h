// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "snapshotter/metadata/database.h"

namespace lamina {

// The SQL that leads from one version of the schema to the next; the version is the position in
// this list, kept in the database as user_version. A migration that was released is never changed.
std::span<const char* const> schema_migrations();

// Brings the database to the end of `migrations`, all steps in one transaction.
// failed_precondition when it is beyond that: written by a newer version, whose rules we do not
// know.
Status migrate(Database& database, std::span<const char* const> migrations);

} // namespace lamina
