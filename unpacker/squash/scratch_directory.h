// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "unpacker/base/fd.h"

namespace lamina {

// A private directory below another one, from which it inherits nothing (default ACL, group): what
// is unpacked in it would have it as well. Removed with all that is in it, on all processors.
class ScratchDirectory {
  public:
    static Result<ScratchDirectory> create(const std::string& parent);
    ScratchDirectory(ScratchDirectory&&) = default;
    ~ScratchDirectory();

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    ScratchDirectory(Fd parent, std::string name, std::string path)
        : parent_(std::move(parent)), name_(std::move(name)), path_(std::move(path)) {}

    Fd parent_;
    std::string name_;
    std::string path_;
};

} // namespace lamina
