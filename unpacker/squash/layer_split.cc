// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_split.h"

#include <algorithm>

#include "unpacker/base/stop.h"

namespace lamina {
namespace {

constexpr uint64_t kTarBlockBytes = 512;
// Header, and PAX header with its block, for what ustar cannot hold: nanoseconds, mostly.
constexpr uint64_t kHeaderBytes = 3 * kTarBlockBytes;

// Bytes of tar. Nothing for entries whose part others decide.
uint64_t weight(const MergedEntry& merged) {
    const IndexEntry& entry = *merged.entry;
    if (entry.type == NodeType::whiteout || merged.is_opaque || entry.path.empty() ||
        !merged.link_to.empty()) {
        return 0;
    }
    const uint64_t content = entry.type == NodeType::file ? entry.size_bytes : 0;
    return kHeaderBytes + (content + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes;
}

Result<uint64_t> total_weight(const MergeLayers& layers) {
    TRY_ASSIGN(Merge merge, Merge::open(layers));
    uint64_t total = 0;
    while (const MergedEntry* merged = merge.next()) {
        total += weight(*merged);
    }
    return total;
}

} // namespace

Result<LayerSplit> LayerSplit::plan(const MergeLayers& layers, size_t parts,
                                    const std::stop_token& stop) {
    if (parts <= 1) {
        return LayerSplit();
    }
    TRY_ASSIGN(const uint64_t total, total_weight(layers));
    TRY_ASSIGN(Merge merge, Merge::open(layers));
    std::vector<uint64_t> begins{0};
    double before = 0; // weight of the entries before
    size_t last = 0;   // part of the last of them
    for (uint64_t number = 0; const MergedEntry* merged = merge.next(); ++number) {
        TRY(check_stop(stop));
        const auto bytes = static_cast<double>(weight(*merged));
        if (bytes == 0) {
            continue;
        }
        // An entry is where its middle is.
        const double at = (before + bytes / 2) / static_cast<double>(total);
        const auto part = std::min(parts - 1, static_cast<size_t>(at * static_cast<double>(parts)));
        if (part > last && before > 0) {
            begins.push_back(number);
        }
        last = part;
        before += bytes;
    }
    return LayerSplit(std::move(begins));
}

size_t SplitWalk::next(const MergedEntry& merged) {
    const auto& begins = split_.begins_;
    while (part_ + 1 < begins.size() && begins[part_ + 1] <= number_) {
        ++part_;
    }
    ++number_;
    if (begins.size() == 1 || merged.entry->type == NodeType::whiteout || merged.is_opaque) {
        return 0;
    }
    if (!merged.link_to.empty()) {
        return first_names_.at(merged.link_to);
    }
    if (merged.entry->link_group != 0) {
        first_names_[merged.entry->path] = part_;
    }
    return part_;
}

} // namespace lamina
