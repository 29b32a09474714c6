// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "unpacker/base/byte_sink.h"

namespace lamina::test {

// Keeps what is written.
class MemorySink final : public ByteSink {
  public:
    Status write(std::span<const std::byte> bytes) override {
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
    }
    Status finish() override { return {}; }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

// Fails once more than `room` bytes have come.
class FullSink final : public ByteSink {
  public:
    explicit FullSink(size_t room) : room_(room) {}

    Status write(std::span<const std::byte> bytes) override {
        if (bytes.size() > room_) {
            return fail(ErrorCode::resource_exhausted, "no space left in the sink");
        }
        room_ -= bytes.size();
        return {};
    }
    Status finish() override { return {}; }

  private:
    size_t room_;
};

} // namespace lamina::test
