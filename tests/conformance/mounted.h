// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "snapshotter/core/types.h"

namespace lamina::test {

// What a snapshotter answered, mounted at a directory as containerd's mounter does it; unmounted
// by the destructor. Changes the working directory for a moment: one thread at a time.
class Mounted {
  public:
    // Fails the test, and the object is then !ok(), when it cannot be mounted.
    Mounted(const Mounts& mounts, std::string at);
    ~Mounted();
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::string operator/(const std::string& name) const { return at_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return at_; }

  private:
    std::string at_;
    bool ok_ = false;
};

} // namespace lamina::test
