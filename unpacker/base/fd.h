// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "unpacker/base/result.h"

namespace lamina {

// Owns one file descriptor and closes it, silently, at the end of its life. Code that would lose
// data by a failed close calls close() and looks at the result. A plain `int fd` borrows.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd();

    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    Status close();

  private:
    int fd_ = -1;
};

// open(2) and openat(2) with O_CLOEXEC. EINTR is retried.
[[nodiscard]] Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0);
[[nodiscard]] Result<Fd> open_at(int directory, const std::string& name, int flags,
                                 unsigned mode = 0);

// A directory, never through a symbolic link in the last component.
[[nodiscard]] Result<Fd> open_directory(const std::string& path);
[[nodiscard]] Result<Fd> open_directory_at(int directory, const std::string& name);

// Raises this process's soft limit of descriptors to its hard limit (getrlimit(2)); programs call
// it first. Only select(2), which nobody here uses, is the reason for the low default.
void raise_descriptor_limit();

} // namespace lamina
