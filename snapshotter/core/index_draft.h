// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "snapshotter/core/layout.h"
#include "unpacker/base/fd.h"

namespace lamina {

// A new file in staging/ that the index of a layer is written into. It becomes snapshots/<id>/index
// by publish(), or goes with the object; after a crash, with the next start. Move-only.
class IndexDraft {
  public:
    // `layout` must outlive it.
    static Result<IndexDraft> make(const Layout& layout);
    IndexDraft(IndexDraft&& other) noexcept;
    IndexDraft& operator=(IndexDraft&&) = delete;
    ~IndexDraft();

    // Borrowed.
    [[nodiscard]] int fd() const { return file_.get(); }

    // In one step, in the place of an older one. Not fsynced: load_index() notices what is missing.
    Status publish(SnapshotId id);

  private:
    IndexDraft(const Layout& layout, std::string name, Fd file)
        : layout_(&layout), name_(std::move(name)), file_(std::move(file)) {}

    const Layout* layout_;
    std::string name_; // in staging/; empty when moved from or published
    Fd file_;
};

// Of `draft`, which is made if there is none; -1 if that fails, which is no reason to fail for
// anybody: without an index there is a walk.
[[nodiscard]] int fd_of_new(std::optional<IndexDraft>& draft, const Layout& layout);

} // namespace lamina
