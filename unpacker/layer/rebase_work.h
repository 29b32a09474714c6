// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "unpacker/base/result.h"

namespace lamina {

// What is left to do on the tree of a layer that was unpacked without the layers below it, once
// those are known: rebase_layer() does it. A value; empty for most layers.
//
// Directories are kept by what tells each from the one before: some ten bytes of text() and its
// name for each, however deep they nest. That is little beside the inode that each takes on disk,
// so there is no other limit.
class RebaseWork {
  public:
    using Path = std::vector<std::string>; // components below the layer's root

    // A directory that the layer only implies and that may lie over one below: not within an
    // opaque or hidden one. Must come in the order of a depth-first walk.
    void add_implied(const Path& directory);
    // Calls `visit` for each, parents first, until it fails.
    Status for_each_implied(const std::function<Status(const Path&)>& visit) const;

    // The layer's root is opaque: nothing of the layers below is to be seen.
    bool root_is_opaque = false;

    [[nodiscard]] bool empty() const { return !root_is_opaque && steps_.empty(); }

    // As it is stored; NULs end its parts, as no name has one.
    [[nodiscard]] std::string text() const;
    // data_loss for anything that text() does not write, such as its first half.
    static Result<RebaseWork> parse(std::string_view text);

    bool operator==(const RebaseWork&) const = default;

  private:
    struct Step {
        size_t shared = 0; // leading components that are those of the directory before
        Path rest;         // never empty

        bool operator==(const Step&) const = default;
    };
    static Path following(Path before, const Step& step);

    std::vector<Step> steps_;
    Path last_;
};

} // namespace lamina
