// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/merge/merge.h"

namespace lamina {

// Which of several new layers each entry of a merged range goes to: stretches of the merge's order
// with about the same bytes of tar, so that most directories stay whole. All names of one inode go
// where the first one is. Each path is in one layer, but for directories that others need on the
// way to what they hold; what hides the base (whiteouts, opaque directories) is in the first layer
// only.
class LayerSplit {
  public:
    // Everything in one layer.
    LayerSplit() = default;

    // At most `parts` layers, at least 1: fewer when there is not enough to be split.
    static Result<LayerSplit> plan(const MergeLayers& layers, size_t parts,
                                   const std::stop_token& stop);

    [[nodiscard]] size_t parts() const { return begins_.size(); }

  private:
    friend class SplitWalk;
    explicit LayerSplit(std::vector<uint64_t> begins) : begins_(std::move(begins)) {}

    std::vector<uint64_t> begins_{0}; // of each part, the number of its first entry
};

// Follows a merge from its first entry on.
class SplitWalk {
  public:
    explicit SplitWalk(const LayerSplit& split) : split_(split) {}

    // The part of the next entry.
    size_t next(const MergedEntry& merged);

  private:
    const LayerSplit& split_;
    uint64_t number_ = 0;
    size_t part_ = 0;
    std::map<std::string, size_t> first_names_; // of link groups
};

} // namespace lamina
