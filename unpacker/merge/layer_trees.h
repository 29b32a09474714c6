// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
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

  private:
    explicit LayerTrees(std::vector<TreePath> trees) : trees_(std::move(trees)) {}

    std::vector<TreePath> trees_;
};

} // namespace lamina
