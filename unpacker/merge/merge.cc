// SPDX-License-Identifier: Apache-2.0
//
// The kernel's way to look up a name through a stack of layers (fs/overlayfs/namei.c, ovl_lookup;
// overlayfs.rst, "whiteouts and opaque directories"), taken twice: through the range, which says
// what the tree holds, and through the base, which says what would show through the tree. The
// rules are numbered as in unpacker/README.md, "Merging"; 5, 7, 9 and 10 are in
// write_tree.cc.
#include "unpacker/merge/merge.h"

#include <algorithm>

#include <fmt/format.h>

#include "unpacker/base/check.h"
#include "unpacker/base/text.h"
#include "unpacker/index/path_order.h"

namespace lamina {

// What some layers, taken together, show under a name.
struct Merge::Found {
    const LayerName* top = nullptr;  // that of the topmost layer, be it a whiteout; nullptr: none
    std::vector<size_t> directories; // layers whose directories are seen as one
    bool is_closed = false;          // nothing of a lower layer is seen

    [[nodiscard]] bool is_visible() const {
        return top != nullptr && top->entry->type != NodeType::whiteout;
    }
    [[nodiscard]] bool is_directory() const { return !directories.empty(); }
};

// `layers`: those that take part in the directory that holds the name.
Merge::Found Merge::look_up(std::span<const LayerName> names, const std::vector<bool>& layers) {
    Found found;
    for (const LayerName& name : names) {
        if (!layers[name.layer]) {
            continue;
        }
        if (found.top == nullptr) {
            found.top = &name;
        }
        // Rule 1: a file wins over all below it. Rule 2: a whiteout hides all below it. Below a
        // directory, either ends the search for more directories (rule 3).
        if (name.entry->type != NodeType::directory) {
            found.is_closed = true;
            break;
        }
        found.directories.push_back(name.layer);
        // Rule 3: an opaque directory is seen without those below it.
        if (name.entry->is_opaque) {
            found.is_closed = true;
            break;
        }
    }
    return found;
}

namespace {

// Rule 6. Lamina mounts without redirect_dir and metacopy, so that they come from elsewhere.
Status refuse_redirects(const std::vector<const LayerIndex*>& layers) {
    for (const LayerIndex* const layer : layers) {
        if (const auto& path = layer->redirected_path()) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("{}: its content is elsewhere (overlay redirect or metacopy), "
                                    "so its layer cannot be merged",
                                    shortened(*path)));
        }
    }
    return {};
}

std::vector<const LayerIndex*> all_of(const MergeLayers& layers) {
    std::vector<const LayerIndex*> all = layers.range;
    all.insert(all.end(), layers.base.begin(), layers.base.end());
    return all;
}

bool is_above(const std::string& directory, std::string_view path) {
    return directory.empty() ||
           (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

} // namespace

Result<Merge> Merge::open(const MergeLayers& layers) {
    CHECK(!layers.range.empty());
    TRY(refuse_redirects(layers.range));
    TRY(refuse_redirects(layers.base));
    return Merge(layers);
}

Merge::Merge(const MergeLayers& layers) : range_(layers.range.size()), streams_(all_of(layers)) {
    // Rule 8: the root is a directory of every layer, and the topmost says what it is like.
    open_.push_back({"", std::vector<bool>(layers.range.size() + layers.base.size(), true)});
}

const MergedEntry* Merge::next() {
    while (true) {
        const SamePath& names = streams_.next();
        if (names.empty()) {
            return nullptr;
        }
        if (merge(names)) {
            return &merged_;
        }
    }
}

// True when the tree needs an entry under this path, which is merged_ then.
bool Merge::merge(const SamePath& names) {
    const std::string& path = names.front().entry->path;
    if (!leave_for(path)) {
        return false; // the directory that holds it is hidden, or the base's alone
    }
    const auto base_begin =
        std::ranges::find_if(names, [this](const LayerName& name) { return name.layer >= range_; });
    const Found range = look_up({names.begin(), base_begin}, open_.back().layers);
    const Found base = look_up({base_begin, names.end()}, open_.back().layers);
    if (range.top == nullptr) {
        return false;
    }
    merged_ = {range.top->entry, range.top->layer, false, {}};
    if (merged_.entry->type == NodeType::whiteout) {
        return base.is_visible(); // rule 2; rule 4: never without a base
    }
    if (range.is_directory()) {
        merged_.is_opaque = range.is_closed && base.is_directory(); // rules 3 and 4
        enter(path, range, base);
    } else {
        link();
    }
    return true;
}

// Closes directories until the one that holds `path` is the last; false when that is not open.
bool Merge::leave_for(std::string_view path) {
    while (!is_above(open_.back().path, path)) {
        open_.pop_back();
    }
    return open_.back().path == parent_path(path);
}

// The base takes part below here as far as it can be seen through the directories of the range.
void Merge::enter(const std::string& path, const Found& range, const Found& base) {
    if (path.empty()) {
        return; // open since the beginning
    }
    std::vector<bool> layers(open_.back().layers.size(), false);
    for (const size_t layer : range.directories) {
        layers[layer] = true;
    }
    for (const size_t layer : base.directories) {
        layers[layer] = !range.is_closed;
    }
    open_.push_back({path, std::move(layers)});
}

// Rule 11: names of one inode in one layer stay names of one inode.
void Merge::link() {
    const IndexEntry& entry = *merged_.entry;
    if (entry.link_group == 0) {
        return;
    }
    const auto [first, is_first] =
        first_names_.try_emplace({merged_.layer, entry.link_group}, entry.path);
    if (!is_first) {
        merged_.link_to = first->second;
    }
}

} // namespace lamina
