// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "snapshotter/core/id_map.h"
#include "snapshotter/core/layout.h"
#include "snapshotter/core/trash.h"

namespace lamina {

// The directory of a snapshot while it is being made in staging/. What is not published goes with
// the object. Its Layout must outlive it. One thread at a time.
class StagedSnapshot {
  public:
    // fs (0755), and work (0711) for an active snapshot.
    static Result<StagedSnapshot> make(const Layout& layout, Kind kind);
    StagedSnapshot(StagedSnapshot&& other) noexcept;
    StagedSnapshot& operator=(StagedSnapshot&&) = delete;
    ~StagedSnapshot();

    // Of fs.
    Status set_owner(const Owner& owner);
    // Moves it to snapshots/<id>, within the transaction that made the record `id`. What is there
    // already belongs to no snapshot and goes to `trash`.
    Status publish(SnapshotId id, Trash& trash);
    // Takes publish() back.
    void withdraw(SnapshotId id);

  private:
    StagedSnapshot(const Layout& layout, std::string name)
        : layout_(&layout), name_(std::move(name)) {}

    Status move_to(const std::string& published);

    const Layout* layout_;
    std::string name_; // in staging/; empty when there is nothing to remove
};

// Owner of a directory.
[[nodiscard]] Result<Owner> owner_of(const std::string& path);

} // namespace lamina
