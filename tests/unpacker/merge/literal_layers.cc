// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/merge/literal_layers.h"

#include <sstream>

#include <fmt/format.h>

#include "unpacker/base/check.h"
#include "unpacker/index/index_builder.h"

namespace lamina::test {
namespace {

IndexEntry entry_of(const std::string& words) {
    IndexEntry entry;
    std::string kind;
    std::istringstream in(words);
    in >> kind >> entry.path >> entry.link_group;
    entry.is_opaque = kind == "opaque";
    entry.is_redirected = kind == "redirect";
    if (kind == "dir" || kind == "opaque" || kind == "redirect") {
        entry.type = NodeType::directory;
    } else if (kind == "whiteout") {
        entry.type = NodeType::whiteout;
    }
    return entry;
}

const char* kind_of(const MergedEntry& merged) {
    switch (merged.entry->type) {
    case NodeType::directory:
        return merged.is_opaque ? "opaque" : "dir";
    case NodeType::whiteout:
        return "whiteout";
    default:
        return "file";
    }
}

std::vector<const LayerIndex*> pointers(const std::vector<LayerIndex>& layers) {
    std::vector<const LayerIndex*> all;
    for (const LayerIndex& index : layers) {
        all.push_back(&index);
    }
    return all;
}

} // namespace

LayerIndex layer(const std::vector<std::string>& names) {
    IndexBuilder builder;
    builder.add(entry_of("dir"));
    for (const std::string& words : names) {
        builder.add(entry_of(words));
    }
    auto index = builder.build();
    CHECK(index.has_value());
    return *std::move(index);
}

std::vector<std::string> merged(const std::vector<LayerIndex>& range,
                                const std::vector<LayerIndex>& base) {
    auto merge = Merge::open({pointers(range), pointers(base)});
    if (!merge) {
        return {fmt::format("{} {}", static_cast<int>(merge.error().code), merge.error().message)};
    }
    std::vector<std::string> lines;
    while (const MergedEntry* const found = merge->next()) {
        if (!found->entry->path.empty()) {
            const std::string link = found->link_to.empty() ? "" : " = " + found->link_to;
            lines.push_back(fmt::format("{} {}{} @{}", kind_of(*found), found->entry->path, link,
                                        found->layer));
        }
    }
    return lines;
}

} // namespace lamina::test
