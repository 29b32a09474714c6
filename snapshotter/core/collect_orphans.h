// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/core/layout.h"
#include "snapshotter/core/metadata_store.h"
#include "snapshotter/core/trash.h"

namespace lamina {

// failed_precondition when there are trees that `store` cannot know of: it is new or older than
// they are, and collect_orphans() would delete what is in use. Before any other call.
[[nodiscard]] Status check_store_is_current(const Layout& layout, MetadataStore& store);

// Throws away the directories in snapshots/ that no snapshot owns. May run at any time, beside all
// other calls.
[[nodiscard]] Status collect_orphans(const Layout& layout, MetadataStore& store, Trash& trash);

} // namespace lamina
