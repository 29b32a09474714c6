// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
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
    // Whether a tree is still what the Apply made of it, for one who reads it without its lock.
    // True until forget() or remove(), and never again; commit changes nothing that it is about.
    using Untouched = std::shared_ptr<const std::atomic<bool>>;

    // An Apply starts on an empty upper directory.
    void begin(SnapshotId id) {
        auto known = known_.lock();
        known->touch(id);
        known->trees.insert_or_assign(id, std::nullopt);
    }

    // Between begin() and finish(), if forget() did not come.
    [[nodiscard]] bool is_begun(SnapshotId id) {
        auto known = known_.lock();
        const auto found = known->trees.find(id);
        return found != known->trees.end() && !found->second;
    }

    // It is complete. Does nothing if forget() came after begin().
    void finish(SnapshotId id, const AppliedTree& tree) {
        auto known = known_.lock();
        if (const auto found = known->trees.find(id); found != known->trees.end()) {
            found->second = tree;
        }
    }

    // Somebody can write to the tree, or it is gone.
    void forget(SnapshotId id) {
        auto known = known_.lock();
        known->touch(id);
        known->trees.erase(id);
    }

    // Its snapshot is committed: nobody needs the figures any more.
    void close(SnapshotId id) { known_.lock()->trees.erase(id); }

    [[nodiscard]] std::optional<AppliedTree> find(SnapshotId id) {
        auto known = known_.lock();
        const auto found = known->trees.find(id);
        return found == known->trees.end() ? std::nullopt : found->second;
    }

    // Null when forget() came already.
    [[nodiscard]] Untouched watch(SnapshotId id) {
        auto known = known_.lock();
        if (!known->trees.contains(id)) {
            return nullptr;
        }
        std::erase_if(known->watched, [](const auto& entry) { return entry.second.expired(); });
        auto untouched = known->watched[id].lock();
        if (untouched == nullptr) {
            untouched = std::make_shared<std::atomic<bool>>(true);
            known->watched[id] = untouched;
        }
        return untouched;
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
    struct Known {
        std::map<SnapshotId, std::optional<AppliedTree>> trees;
        // Longer than in `trees`: committed snapshots can be removed, too.
        std::map<SnapshotId, std::weak_ptr<std::atomic<bool>>> watched;

        void touch(SnapshotId id) {
            const auto found = watched.find(id);
            if (const auto watcher = found == watched.end() ? nullptr : found->second.lock()) {
                *watcher = false;
            }
            watched.erase(id);
        }
    };
    Synchronized<Known> known_;
    Synchronized<std::set<SnapshotId>> spoiled_;
};

} // namespace lamina
