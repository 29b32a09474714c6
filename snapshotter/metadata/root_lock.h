// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/fd.h"
#include "unpacker/base/result.h"

namespace lamina {

// Proof that no other process uses a state directory: flock(2) on <root>/lock, which the kernel
// releases when the process ends, however it ends.
class RootLock {
  public:
    // failed_precondition when another process has it. Does not wait.
    static Result<RootLock> take(const std::string& root);

  private:
    explicit RootLock(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

} // namespace lamina
