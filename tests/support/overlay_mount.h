// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace lamina::test {

// A kernel overlay mount for the length of a test; the destructor unmounts.
class OverlayMount {
  public:
    // Nearest layer first, as in UnpackTarget::lowerdirs. Read-only, and made of real overlayfs
    // also when there is only one directory. The paths must hold neither ':' nor ','.
    OverlayMount(const std::vector<std::string>& lowerdirs, std::string at);
    // Writable; `work` is an empty directory beside `upper`.
    OverlayMount(const std::vector<std::string>& lowerdirs, const std::string& upper,
                 const std::string& work, std::string at);
    ~OverlayMount();
    OverlayMount(const OverlayMount&) = delete;
    OverlayMount& operator=(const OverlayMount&) = delete;

    // False when the kernel or our rights do not allow the mount: the test skips, saying error().
    [[nodiscard]] bool mounted() const { return error_.empty(); }
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] const std::string& path() const { return at_; }

  private:
    void mount_with(const std::string& options);

    std::string at_;
    std::string error_;
};

} // namespace lamina::test
