// SPDX-License-Identifier: Apache-2.0
#include "unpacker/merge/path_streams.h"

#include <algorithm>

#include "unpacker/index/path_order.h"

namespace lamina {
namespace {

// For heaps, whose front is what nothing comes before.
bool comes_after(const LayerName& a, const LayerName& b) {
    const auto order = compare_paths(a.entry->path, b.entry->path);
    return order != 0 ? order > 0 : a.layer > b.layer;
}

} // namespace

PathStreams::PathStreams(const std::vector<const LayerIndex*>& layers) {
    for (const LayerIndex* const layer : layers) {
        readers_.emplace_back(*layer);
        same_.push_back({readers_.size() - 1, nullptr}); // next() reads the first of each
    }
}

const SamePath& PathStreams::next() {
    for (const LayerName& used : same_) {
        read(used.layer);
    }
    same_.clear();
    while (!heads_.empty() &&
           (same_.empty() || heads_.front().entry->path == same_.front().entry->path)) {
        std::ranges::pop_heap(heads_, comes_after);
        same_.push_back(heads_.back());
        heads_.pop_back();
    }
    return same_;
}

void PathStreams::read(size_t layer) {
    if (const IndexEntry* const entry = readers_[layer].next()) {
        heads_.push_back({layer, entry});
        std::ranges::push_heap(heads_, comes_after);
    }
}

} // namespace lamina
