// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "snapshotter/core/index_draft.h"
#include "snapshotter/core/layout.h"
#include "snapshotter/core/trash.h"
#include "unpacker/base/fd.h"

namespace lamina {

// A directory in staging/ for a tree that a snapshot may take when it is complete: a layer that is
// unpacked before its snapshot is asked for, a flat tree. What no snapshot took goes to the trash
// with the object; after a crash, with the next start. Move-only; one thread at a time.
class StagedTree {
  public:
    // Empty. Both must outlive it.
    static Result<StagedTree> make(const Layout& layout, Trash& trash);
    StagedTree(StagedTree&& other) noexcept;
    StagedTree& operator=(StagedTree&&) = delete;
    ~StagedTree();

    [[nodiscard]] std::string path() const { return layout_->root() + "/staging/" + name_; }
    // Borrowed. Opened before anything was written, so that syncfs(2) on it misses no error.
    [[nodiscard]] int fd() const { return fd_.get(); }

    // As ApplyHold::index_file(); adopt() takes it along.
    [[nodiscard]] int index_file();
    [[nodiscard]] std::optional<IndexDraft> take_index();

    // Becomes the upper directory of snapshot `id` in one step, with the owner and mode that this
    // one had; what was there is this object's now. Under the snapshot's lock.
    Status exchange_with_upper(SnapshotId id);
    // Becomes `name` in `directory` (borrowed) in one step; what was there goes to the trash.
    Status publish(int directory, const std::string& name);
    // Takes publish() back.
    void withdraw(int directory, const std::string& name);

  private:
    StagedTree(const Layout& layout, Trash& trash, std::string name)
        : layout_(&layout), trash_(&trash), name_(std::move(name)) {}

    const Layout* layout_;
    Trash* trash_;
    std::string name_; // in staging/; empty when moved from
    Fd fd_;
    std::optional<IndexDraft> index_;
};

} // namespace lamina
