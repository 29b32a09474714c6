// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/merge/merge.h"
#include "unpacker/tree/tree_path.h"

namespace lamina {

// A name in an open directory, for the system calls that take the two.
struct NameAt {
    int directory = -1; // borrowed
    std::string name;   // one component; "." is the directory itself
};

// The trees of the layers of a range, where the bodies and xattrs of merged entries are. Everything
// is reached by descriptors, never through links. Cheapest in the order of the merge. One thread
// at a time.
class LayerTrees {
  public:
    // Open directories in the order of MergeLayers::range; borrowed for this call only.
    static Result<LayerTrees> open(const std::vector<int>& roots);

    // Where the layer has the entry. Good until the next call for the same layer.
    Result<NameAt> find(const MergedEntry& merged);

    // A file or directory of a layer, opened for reading.
    Result<Fd> open_entry(const MergedEntry& merged);

    // A directory of a layer by its path.
    Result<Fd> open_directory(size_t layer, const std::string& path);

  private:
    explicit LayerTrees(std::vector<TreePath> trees) : trees_(std::move(trees)) {}
    Status move_to(size_t layer, std::string_view path);

    std::vector<TreePath> trees_;
};

} // namespace lamina
