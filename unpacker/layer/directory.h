// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/layer/metadata.h"

namespace lamina {

// A set of names by their 64-bit hashes: 200,000 files cost a few megabytes. contains() may, once
// in a lifetime of the universe, be true for a name that was never inserted; all that follows is
// a look at the disk that was not needed.
class NameSet {
  public:
    void insert(std::string_view name) { hashes_.insert(hash(name)); }
    void erase(std::string_view name) { hashes_.erase(hash(name)); }
    [[nodiscard]] bool contains(std::string_view name) const {
        return hashes_.contains(hash(name));
    }
    [[nodiscard]] bool empty() const { return hashes_.empty(); }

  private:
    static size_t hash(std::string_view name) { return std::hash<std::string_view>()(name); }
    std::unordered_set<size_t> hashes_;
};

// One directory of the target that the unpack has met, and what it knows of it. Belongs to the
// thread that applies entries; writers get descriptors only.
struct Directory {
    Directory* parent = nullptr; // null for the root
    std::string name;            // empty for the root
    size_t path_bytes = 0;       // length of the path below the root
    unsigned writer = 0;         // who made the last entry in it, see WriterPool::choose()

    // Directories met in this one. Never symbolic links.
    std::map<std::string, std::unique_ptr<Directory>, std::less<>> children;
    // What this layer has made in it: entries of every type, implied directories, whiteouts.
    NameSet names;
    // Names that this layer's whiteouts hide (WhiteoutMode::overlay).
    NameSet hidden;

    bool is_made = false;    // by this layer, not there before
    bool is_implied = false; // made, but only a prefix of other names so far
    bool is_named = false;   // a prefix of names of this layer, made by it or not
    bool is_opaque = false;
    uint32_t last_note = 0;         // of what is in it, see LayerRecord
    std::optional<FileTimes> times; // to be set when nothing more is written into it

    std::shared_ptr<const Fd> fd; // while it is cached

    [[nodiscard]] bool is_root() const { return parent == nullptr; }

    // Nothing of the layers below can be seen in it.
    [[nodiscard]] bool hides_all_below() const {
        const Directory* at = this;
        while (!at->is_opaque && !at->is_root()) {
            at = at->parent;
        }
        return at->is_opaque;
    }

    // Only a prefix of names, and over whatever is below. Its own opaque mark hides what is in the
    // directory below, not that directory.
    [[nodiscard]] bool may_inherit() const {
        return is_implied && !parent->hides_all_below() && !parent->hidden.contains(name);
    }

    // Components below the root.
    [[nodiscard]] std::vector<std::string> path() const {
        std::vector<std::string> components;
        for (const Directory* at = this; !at->is_root(); at = at->parent) {
            components.push_back(at->name);
        }
        std::ranges::reverse(components);
        return components;
    }
};

} // namespace lamina
