// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"
#include "unpacker/layer/rebase_work.h"

namespace lamina {

class FilledTree;
class StagedTree;

// Where an Apply writes, derived from the mounts that its request carries.
struct ApplyTarget {
    SnapshotId id = 0;
    std::string key;    // as the backend knows it: "<namespace>/<seq>/<client key>"
    std::string parent; // a name of the same form, or empty
    std::string upperdir;
    std::vector<std::string> lowerdirs; // nearest first, empty for a bind
    size_t depth = 0;                   // number of layers below, which flat trees stand for, too
    bool is_overlay = false;            // an overlay mount: whiteouts become overlay whiteouts
};

// What an Apply found out about the tree it made.
struct AppliedTree {
    Usage usage;
    uint64_t whiteouts = 0;
    // What is left for commit(), of a layer that was applied without its parents.
    RebaseWork rebase{};
    // It is on the disk, and what commit() does to it must be so, too.
    bool is_on_disk = false;
    // What was written into ApplyHold::index_file(), or into that of the tree that was adopted, is
    // its index.
    bool is_indexed = false;
};

// A hold on one active snapshot while a layer is written into it. As long as it lives, remove()
// and commit() of that snapshot wait; remove() first asks for a stop through stop_token().
// Move-only; released by its destructor. Used by one thread at a time.
class ApplyHold {
  public:
    struct State;
    explicit ApplyHold(std::shared_ptr<State> state);
    ApplyHold(ApplyHold&&) noexcept;
    ApplyHold& operator=(ApplyHold&&) noexcept;
    ~ApplyHold();

    [[nodiscard]] const ApplyTarget& target() const;
    // Stop is requested when the snapshot is being removed.
    [[nodiscard]] std::stop_token stop_token() const;

    // An empty file for the index of what is written, borrowed; -1 if none can be made.
    [[nodiscard]] int index_file();

    // The layer is complete: remembers what commit() needs, to finish the tree, also after a
    // restart, and so that it does not walk it. Discards the layer when that fails.
    Status succeed(const AppliedTree& tree);
    // The layer failed or was cancelled: empties the upper directory, never half used.
    // When even that fails, the snapshot can only be removed.
    Status discard();

    // Instead of writing: makes `tree`, a complete layer, the upper directory, and gives `tree` the
    // empty one for it. failed_precondition, with nothing touched, when the upper directory is not
    // empty, or was mounted, or its mounts were asked for meanwhile: who has it mounted would go on
    // with the old one.
    Status adopt(StagedTree& tree);

    // What adopt() asks for, so that other ways need not be tried.
    [[nodiscard]] Status check_untouched() const;

    // After everything is written: the upper directory for others to copy, also when this hold is
    // gone. failed_precondition when it was not empty at first or somebody asked for its mounts.
    [[nodiscard]] Result<FilledTree> share() const;

  private:
    std::shared_ptr<State> state_;
};

} // namespace lamina
