// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "unpacker/index/layer_index.h"

namespace lamina {

// What one layer has under a path.
struct LayerName {
    size_t layer = 0; // 0 is the topmost
    const IndexEntry* entry = nullptr;
};

// Everything that some layer has under one path, topmost layer first.
using SamePath = std::vector<LayerName>;

// Reads the indexes of several layers side by side, path by path. One thread at a time.
class PathStreams {
  public:
    // Topmost first; the indexes outlive this.
    explicit PathStreams(const std::vector<const LayerIndex*>& layers);

    // The next path, borrowed until the next call; empty after the last one.
    [[nodiscard]] const SamePath& next();

  private:
    void read(size_t layer);

    std::vector<IndexReader> readers_;
    std::vector<LayerName> heads_; // a heap: the smallest path, of one path the topmost layer
    SamePath same_;
};

} // namespace lamina
