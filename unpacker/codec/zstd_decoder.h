// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "unpacker/codec/frame_decoder.h"

namespace lamina {

// Zstandard by libzstd: any number of frames, skippable ones passed over, checksums checked.
class ZstdDecoder final : public FrameDecoder {
  public:
    ZstdDecoder();
    ~ZstdDecoder() override;

    Result<size_t> read(InputWindow& input, std::span<std::byte> buffer) override;
    [[nodiscard]] bool between_frames() const override;

  private:
    struct State;

    std::unique_ptr<State> state_;
};

} // namespace lamina
