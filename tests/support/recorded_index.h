// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"
#include "unpacker/index/layer_index.h"

namespace lamina::test {

// A file for UnpackTarget::index.
class RecordedIndex {
  public:
    RecordedIndex();
    [[nodiscard]] int fd() const { return file_.get(); }
    [[nodiscard]] Result<LayerIndex> load() const;

    // After an unpack that says that it is complete: how it differs from what a walk over `root`
    // finds; empty if it does not.
    [[nodiscard]] std::string difference(const std::string& root) const;

  private:
    TempDir temp_;
    Fd file_;
};

// A line for each entry, with all that is known of it.
[[nodiscard]] std::string shown(const LayerIndex& index);

} // namespace lamina::test
