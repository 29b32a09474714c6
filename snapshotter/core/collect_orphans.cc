// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/collect_orphans.h"

#include <set>

#include <fmt/format.h>

#include "snapshotter/core/store_value.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

Result<std::vector<SnapshotId>> unrecorded_ids(const Layout& layout, MetadataStore& store) {
    // Directories first: a snapshot that is created in between is then not seen at all.
    TRY_ASSIGN(const auto ids, layout.ids());
    std::set<SnapshotId> unrecorded(ids.begin(), ids.end());
    TRY(store.read([&](ReadTransaction& transaction) {
        return transaction.for_each([&](const SnapshotRecord& record) -> Status {
            unrecorded.erase(record.id);
            return {};
        });
    }));
    return std::vector(unrecorded.begin(), unrecorded.end());
}

// What a crash left of a snapshot that nobody was told of has no files yet.
Result<bool> holds_files(const Layout& layout, SnapshotId id) {
    const auto empty = is_empty_directory(layout.upper(id));
    if (!empty && empty.error().code == ErrorCode::not_found) {
        return false;
    }
    TRY(empty);
    return !*empty;
}

} // namespace

Status check_store_is_current(const Layout& layout, MetadataStore& store) {
    TRY_ASSIGN(const SnapshotId last, read_value(store, [](ReadTransaction& transaction) {
                   return transaction.last_id();
               }));
    TRY_ASSIGN(const auto ids, layout.ids());
    for (const SnapshotId id : ids) {
        if (id <= last) {
            continue;
        }
        TRY_ASSIGN(const bool in_use, holds_files(layout, id));
        if (in_use) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("{} holds files, but metadata.db ends at snapshot {}: it is "
                                    "new or older than the trees. Put the latest one back, or "
                                    "empty {} to start anew",
                                    layout.upper(id), last, layout.root()));
        }
    }
    return {};
}

Status collect_orphans(const Layout& layout, MetadataStore& store, Trash& trash) {
    TRY_ASSIGN(const auto candidates, unrecorded_ids(layout, store));
    if (candidates.empty()) {
        return {};
    }
    // A candidate may be a snapshot that is just being created: published, not yet committed. Only
    // among the writers, which come one after the other, is a record there or not.
    return store.write([&](WriteTransaction& transaction) -> Status {
        for (const SnapshotId id : candidates) {
            const auto record = transaction.get_by_id(id);
            if (!record && record.error().code == ErrorCode::not_found) {
                TRY(trash.take(layout.snapshots(), std::to_string(id)));
            }
        }
        return {};
    });
}

} // namespace lamina
