// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "unpacker/base/byte_source.h"
#include "unpacker/codec/input_window.h"

namespace lamina {

// Gzip by ISA-L: any number of members, CRC and length of each checked.
class GzipDecoder final : public ByteSource {
  public:
    explicit GzipDecoder(InputWindow input);
    ~GzipDecoder() override;

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    struct State;
    Result<bool> start_member();
    Status advance();

    InputWindow input_;
    std::unique_ptr<State> state_;
};

} // namespace lamina
