// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "unpacker/base/byte_source.h"

namespace lamina {

using Bytes = std::vector<std::byte>;

// The bytes of a source that have been read and not been used yet. One thread at a time.
class InputWindow {
  public:
    explicit InputWindow(ByteSource& source) : source_(&source) {}

    // Bytes in memory, which must outlive it, and nothing after them.
    explicit InputWindow(std::span<std::byte> whole) : bytes_(whole) {}

    InputWindow(InputWindow&&) = default;
    InputWindow& operator=(InputWindow&&) = default;
    InputWindow(const InputWindow&) = delete;
    InputWindow& operator=(const InputWindow&) = delete;
    ~InputWindow() = default;

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

    // Marks the first `count` bytes as used.
    void take(size_t count);

    // Makes bytes that were taken last the first ones again.
    void put_back(std::span<const std::byte> taken);

    // How many bytes have been taken and not put back.
    [[nodiscard]] uint64_t taken() const { return taken_; }

    // Reads on when there is nothing left. False at the end of the source with nothing left.
    Result<bool> fill();

    // Reads as much again as there is. False when there was nothing more to read, or when the
    // source failed, which fill() reports after the bytes before have been used.
    bool grow();

  private:
    void append(size_t room);

    ByteSource* source_ = nullptr;
    std::optional<Error> failure_;
    Bytes buffer_;
    std::span<std::byte> bytes_; // within buffer_, if there is a source
    uint64_t taken_ = 0;
};

} // namespace lamina
