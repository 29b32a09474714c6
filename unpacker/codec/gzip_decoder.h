// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "unpacker/codec/frame_decoder.h"

namespace lamina {

// Gzip by ISA-L: any number of members, CRC and length of each checked.
class GzipDecoder final : public FrameDecoder {
  public:
    GzipDecoder();
    ~GzipDecoder() override;

    Result<size_t> read(InputWindow& input, std::span<std::byte> buffer) override;
    [[nodiscard]] bool between_frames() const override;

  private:
    struct State;
    Result<bool> start_member(InputWindow& input);
    Status advance(InputWindow& input);

    std::unique_ptr<State> state_;
};

} // namespace lamina
