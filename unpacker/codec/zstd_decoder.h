// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "unpacker/base/byte_source.h"
#include "unpacker/codec/input_window.h"

namespace lamina {

// Zstandard by libzstd: any number of frames, skippable ones passed over, checksums checked.
class ZstdDecoder final : public ByteSource {
  public:
    explicit ZstdDecoder(InputWindow input);
    ~ZstdDecoder() override;

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    struct State;

    InputWindow input_;
    std::unique_ptr<State> state_;
};

} // namespace lamina
