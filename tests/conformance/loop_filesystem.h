// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/support/temp_dir.h"

namespace lamina::test {

// Gives this thread, and those that it starts from now on, a mount namespace of its own, once. Its
// mounts are seen by nobody else and end with the process, also when it is killed. Returns why it
// cannot, or nothing.
[[nodiscard]] std::string enter_private_mounts();

// A filesystem in a file, mounted as long as the object lives. After enter_private_mounts().
class LoopFilesystem {
  public:
    explicit LoopFilesystem(const std::string& type);
    ~LoopFilesystem();
    LoopFilesystem(const LoopFilesystem&) = delete;
    LoopFilesystem& operator=(const LoopFilesystem&) = delete;

    // What this machine lacks, or nothing.
    [[nodiscard]] const std::string& missing() const { return missing_; }
    [[nodiscard]] std::string path() const { return directory_ / "mnt"; }

  private:
    void make(const std::string& type);

    TempDir directory_;
    std::string missing_;
};

} // namespace lamina::test
