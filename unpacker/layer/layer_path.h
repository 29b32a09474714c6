// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "unpacker/base/result.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {

// A place in the tree of one layer that moves from directory to directory by the way that both
// have in common, so that a depth-first tour costs each step once. Never through links. One
// thread at a time.
class LayerPath {
  public:
    enum class Found { directory, missing, no_directory };

    // `root` is borrowed for this call only.
    static Result<LayerPath> open(int root);

    // Goes to the directory that `components` name below the root. Where there is none, stays at
    // the last one on the way.
    Result<Found> move_to(const std::vector<std::string>& components);

    // Where it stands.
    [[nodiscard]] int fd() const { return cursor_.fd(); }
    // One of the directories on the way here hides what layers below have in it. The root never
    // does: the kernel heeds no opaque mark there.
    [[nodiscard]] bool is_opaque() const { return !steps_.empty() && steps_.back().is_opaque; }

  private:
    struct Step {
        std::string name;
        bool is_opaque = false;
    };
    explicit LayerPath(DirectoryCursor cursor) : cursor_(std::move(cursor)) {}

    DirectoryCursor cursor_;
    std::vector<Step> steps_;
    std::optional<std::string> missing_; // that this directory is known not to have
};

} // namespace lamina
