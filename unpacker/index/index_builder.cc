// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/index_builder.h"

#include <algorithm>
#include <unordered_map>

#include "unpacker/index/entry_codec.h"
#include "unpacker/index/index_header.h"
#include "unpacker/index/path_order.h"

namespace lamina {

Result<LayerIndex> IndexBuilder::build() {
    std::ranges::sort(entries_, [](const IndexEntry& a, const IndexEntry& b) {
        return compare_paths(a.path, b.path) < 0;
    });
    number_link_groups();
    std::string bytes = make_index_header();
    EntryEncoder encoder;
    for (const IndexEntry& entry : entries_) {
        encoder.encode(entry, bytes);
    }
    bytes += index_digest(bytes);
    auto index = LayerIndex::parse(std::move(bytes));
    if (!index) {
        return fail(ErrorCode::invalid_argument, std::move(index).error().message);
    }
    return index;
}

void IndexBuilder::number_link_groups() {
    std::unordered_map<uint32_t, uint32_t> names; // of each group
    for (const IndexEntry& entry : entries_) {
        ++names[entry.link_group];
    }
    std::unordered_map<uint32_t, uint32_t> numbers;
    for (IndexEntry& entry : entries_) {
        const uint32_t group = entry.link_group;
        if (group != 0) {
            const auto next = static_cast<uint32_t>(numbers.size() + 1);
            entry.link_group =
                names[group] > 1 ? numbers.try_emplace(group, next).first->second : 0;
        }
    }
}

} // namespace lamina
