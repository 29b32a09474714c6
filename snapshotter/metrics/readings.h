// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace lamina {

// What others count or hold, looked up at each scrape.
struct Readings {
    uint64_t applies_waiting = 0; // for a place among the unpacks that may run at once
    // Of the look-ahead, since the start.
    uint64_t layers_staged = 0;
    uint64_t layers_used = 0;
    uint64_t layers_wasted = 0;
    uint64_t staged_bytes = 0; // now; of layers that are being unpacked, a guess
    uint64_t trash_trees = 0;  // now
    // Since the start.
    uint64_t flat_trees_made = 0;
    uint64_t flat_trees_failed = 0;
    uint64_t flat_tree_bytes = 0; // beside the layers
};

// Called by any thread.
using ReadingsSource = std::function<Readings()>;

} // namespace lamina
