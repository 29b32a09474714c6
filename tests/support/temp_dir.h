// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lamina::test {

// A private directory that goes, with all it holds, at the end of the test. Under TMPDIR or /tmp.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

  private:
    std::string path_;
};

} // namespace lamina::test
