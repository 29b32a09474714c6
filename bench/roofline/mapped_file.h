// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>

#include "unpacker/base/result.h"

namespace lamina::bench {

// A whole file as memory, already read: its pages are mapped, so that touching them costs nothing.
class MappedFile {
  public:
    static Result<MappedFile> open(const std::string& path);
    MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  private:
    explicit MappedFile(std::span<std::byte> bytes) : bytes_(bytes) {}
    std::span<std::byte> bytes_;
};

} // namespace lamina::bench
