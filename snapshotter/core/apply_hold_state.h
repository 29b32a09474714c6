// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "snapshotter/core/applied_trees.h"
#include "snapshotter/core/apply_hold.h"
#include "snapshotter/core/index_draft.h"
#include "snapshotter/core/layout.h"
#include "snapshotter/core/trash.h"
#include "snapshotter/core/upper_locks.h"

namespace lamina {

// What OverlaySnapshotter gives to an ApplyHold; the references are to its parts.
struct ApplyHold::State {
    ApplyTarget target;
    UpperLocks::Lock lock;
    const Layout& layout;
    AppliedTrees& applied;
    Trash& trash;
    std::optional<IndexDraft> index{};
};

} // namespace lamina
