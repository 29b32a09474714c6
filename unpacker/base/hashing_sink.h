// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "unpacker/base/byte_sink.h"
#include "unpacker/base/digest.h"

namespace lamina {

// Hands everything on to another sink (borrowed) and keeps count.
class HashingSink final : public ByteSink {
  public:
    explicit HashingSink(ByteSink& next) : next_(next) {}

    Status write(std::span<const std::byte> bytes) override {
        hash_.update(bytes);
        bytes_ += bytes.size();
        return next_.write(bytes);
    }
    Status finish() override { return {}; }

    [[nodiscard]] uint64_t bytes() const { return bytes_; }
    // Once, after the last write.
    [[nodiscard]] Digest digest() { return hash_.finish(); }

  private:
    ByteSink& next_;
    Sha256 hash_;
    uint64_t bytes_ = 0;
};

} // namespace lamina
