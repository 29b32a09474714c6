// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unpacker/base/result.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {

// A place in a tree that moves from directory to directory by the way that both have in common, so
// that a depth-first tour costs each step once. Never through links. One thread at a time.
class TreePath {
  public:
    // `root` is borrowed for this call only.
    static Result<TreePath> open(int root);

    // Goes to the directory `path` below the root: "usr/lib", or "" for the root. An error leaves
    // it at the last directory on the way.
    Status move_to(std::string_view path);

    // The directory where it stands; borrowed until it moves.
    [[nodiscard]] int fd() const { return cursor_.fd(); }

  private:
    explicit TreePath(DirectoryCursor cursor) : cursor_(std::move(cursor)) {}

    DirectoryCursor cursor_;
    std::vector<std::string> names_; // from the root to here
};

} // namespace lamina
