// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/layer/layer_path.h"

namespace lamina {

// The directories of the layers below, from which those that a layer only implies take their
// metadata.
//
// An archive may name "a/b/file" without "a/b". The directory made for it would hide owner, mode,
// times and xattrs of the one below, so it takes them from the nearest lowerdir that has the name:
// of the directory there, which may lie behind links, and nothing if it is something else. Like
// containerd (pkg/archive/tar.go, mkparent), but after everything is written, so that the times
// stay.
//
// Cheapest when asked in the order of a depth-first walk. One thread at a time.
class LowerDirectories {
  public:
    // Opens the lowerdirs, nearest first.
    static Result<LowerDirectories> open(const std::vector<std::string>& lowerdirs);

    // Copies onto the directory `fd`, which is `components` in the layer above, from below, if
    // there is something below.
    Status copy_metadata(const std::vector<std::string>& components, int fd);

    // The names in the lowerdirs' own roots, some more than once.
    [[nodiscard]] Result<std::vector<std::string>> root_names() const;

  private:
    struct Lowerdir {
        Fd root;
        LayerPath at;
    };
    explicit LowerDirectories(std::vector<Lowerdir> lowerdirs) : lowerdirs_(std::move(lowerdirs)) {}

    std::vector<Lowerdir> lowerdirs_;
};

} // namespace lamina
