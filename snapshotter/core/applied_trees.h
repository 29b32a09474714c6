// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "snapshotter/core/apply_hold.h"
#include "snapshotter/core/metadata_store.h"
#include "unpacker/base/synchronized.h"

namespace lamina {

// What is known of upper directories that an Apply wrote into: of those that it filled from empty,
// and nobody else can have written since, what it counted; commit walks the others. And which ones
// hold half a layer. Kept in memory only: what a restart forgets costs one walk, and storing it
// would cost each Apply an fsync. Thread-safe.
class AppliedTrees {
  public:
    // An Apply starts on an empty upper directory.
    void begin(SnapshotId id) { trees_.lock()->insert_or_assign(id, std::nullopt); }

    // Between begin() and finish(), if forget() did not come.
    [[nodiscard]] bool is_begun(SnapshotId id) {
        auto trees = trees_.lock();
        const auto found = trees->find(id);
        return found != trees->end() && !found->second;
    }

    // It is complete. Does nothing if forget() came after begin().
    void finish(SnapshotId id, const AppliedTree& tree) {
        auto trees = trees_.lock();
        if (const auto found = trees->find(id); found != trees->end()) {
            found->second = tree;
        }
    }

    // Somebody can write to the tree, or it is gone.
    void forget(SnapshotId id) { trees_.lock()->erase(id); }

    [[nodiscard]] std::optional<AppliedTree> find(SnapshotId id) {
        auto trees = trees_.lock();
        const auto found = trees->find(id);
        return found == trees->end() ? std::nullopt : found->second;
    }

    // An Apply failed and what it wrote is still there: the snapshot can only be removed.
    void spoil(SnapshotId id) { spoiled_.lock()->insert(id); }
    void remove(SnapshotId id) {
        forget(id);
        spoiled_.lock()->erase(id);
    }

    // failed_precondition after spoil().
    [[nodiscard]] Status check_whole(SnapshotId id) {
        if (spoiled_.lock()->contains(id)) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("snapshot {} holds half a layer and can only be removed", id));
        }
        return {};
    }

  private:
    Synchronized<std::map<SnapshotId, std::optional<AppliedTree>>> trees_;
    Synchronized<std::set<SnapshotId>> spoiled_;
};

} // namespace lamina
