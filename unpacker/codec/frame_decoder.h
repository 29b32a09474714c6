// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "unpacker/codec/input_window.h"

namespace lamina {

// Decodes frames of zstd, or members of gzip, from front to end. One thread at a time.
class FrameDecoder {
  public:
    virtual ~FrameDecoder() = default;

    // Fills the front of `buffer` with what `input` decodes to and returns how many bytes it wrote;
    // 0 is the end of the input. It returns where a frame ends, with no input used beyond it.
    virtual Result<size_t> read(InputWindow& input, std::span<std::byte> buffer) = 0;

    // Whether the next byte of the input, if there is one, begins a frame.
    [[nodiscard]] virtual bool between_frames() const = 0;
};

} // namespace lamina
