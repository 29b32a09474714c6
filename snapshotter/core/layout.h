// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "snapshotter/core/metadata_store.h"
#include "unpacker/base/fd.h"

namespace lamina {

// The directories below the root, their names, and descriptors of those that names are moved
// between. Immutable; any thread.
class Layout {
  public:
    // Makes what is missing. invalid_argument for a root that mount options cannot carry.
    static Result<Layout> open(const std::string& root);

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::string upper(SnapshotId id) const { return path(id) + "/fs"; }
    [[nodiscard]] std::string work(SnapshotId id) const { return path(id) + "/work"; }
    [[nodiscard]] std::string lower(const LowerTree& tree) const {
        return path(tree.id) + (tree.is_flat ? "/flat" : "/fs");
    }
    // Below snapshots/ like every lower directory: containerd shortens long options by their
    // common directory, and maps ids of all lowers through it.
    [[nodiscard]] std::string empty_lower() const { return root_ + "/snapshots/empty"; }

    // The snapshot whose upper() this is.
    [[nodiscard]] std::optional<SnapshotId> id_of_upper(const std::string& path) const;
    // Ids of all snapshots that have a directory, published or not.
    [[nodiscard]] Result<std::vector<SnapshotId>> ids() const;

    [[nodiscard]] int snapshots() const { return snapshots_.get(); }
    [[nodiscard]] int staging() const { return staging_.get(); }
    [[nodiscard]] int trash() const { return trash_.get(); }

    // A name that nothing in staging/ and trash/ has had.
    [[nodiscard]] static std::string fresh_name(std::string_view prefix);

  private:
    Layout(std::string root, Fd snapshots, Fd staging, Fd trash)
        : root_(std::move(root)), snapshots_(std::move(snapshots)), staging_(std::move(staging)),
          trash_(std::move(trash)) {}
    [[nodiscard]] std::string path(SnapshotId id) const {
        return root_ + "/snapshots/" + std::to_string(id);
    }

    std::string root_;
    Fd snapshots_;
    Fd staging_;
    Fd trash_;
};

// mkdirat(2) with exactly this mode, whatever the umask.
[[nodiscard]] Status make_directory(int parent, const std::string& name, mode_t mode);

} // namespace lamina
