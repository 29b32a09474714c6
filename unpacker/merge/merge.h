// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unpacker/index/layer_index.h"
#include "unpacker/merge/path_streams.h"

namespace lamina {

// The layers of an image from the topmost down, in two parts: a range that becomes one tree, and
// the base that stays below it. The indexes outlive the merge.
struct MergeLayers {
    std::vector<const LayerIndex*> range; // at least one
    std::vector<const LayerIndex*> base;  // none: the range is all that there is
};

// One name in the tree that stands for the range.
struct MergedEntry {
    const IndexEntry* entry = nullptr; // as its layer has it; is_opaque is that layer's own
    size_t layer = 0;                  // which one: MergeLayers::range[layer]

    // A directory that hides what the base has under this name.
    bool is_opaque = false;

    // The path, earlier in this merge, of the first name of the same inode; empty: this is the
    // first name, or the only one.
    std::string link_to;
};

// Gives the entries of the tree that, mounted above the base in place of the range, shows what
// range and base show: in path order, the root first, each directory before what it holds. The
// tree needs a whiteout where there is an entry of that type, and none elsewhere; without a base
// there are no whiteouts and no opaque directories.
//
// A pure function of the indexes: no file is opened. Memory grows with the number of layers, the
// depth, and the link groups, not with the entries. One thread at a time.
class Merge {
  public:
    // failed_precondition, naming the path, if a layer has redirects or metacopies.
    static Result<Merge> open(const MergeLayers& layers);

    // The next entry, borrowed until the next call; nullptr after the last one.
    [[nodiscard]] const MergedEntry* next();

  private:
    // A directory of the result whose names are being merged, and the layers that take part in it.
    struct Directory {
        std::string path;
        std::vector<bool> layers;
    };

    struct Found;

    explicit Merge(const MergeLayers& layers);
    static Found look_up(std::span<const LayerName> names, const std::vector<bool>& layers);
    bool merge(const SamePath& names);
    bool leave_for(std::string_view path);
    void enter(const std::string& path, const Found& range, const Found& base);
    void link();

    size_t range_;
    PathStreams streams_;
    std::vector<Directory> open_; // from the root to where the last entry is
    std::map<std::pair<size_t, uint32_t>, std::string> first_names_; // layer and link group
    MergedEntry merged_;
};

} // namespace lamina
