// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/byte_sink.h"
#include "unpacker/base/fd.h"

namespace lamina {

// Writes to an open file from its position on, many small writes as one.
class FileSink final : public ByteSink {
  public:
    // `name` is for messages. The descriptor is borrowed.
    FileSink(int file, std::string name) : file_(file), name_(std::move(name)) {}

    Status write(std::span<const std::byte> bytes) override;
    Status finish() override;

  private:
    Status write_out(std::span<const std::byte> bytes);

    int file_;
    std::string name_;
    std::string held_;
};

} // namespace lamina
