// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "unpacker/base/chunk.h"
#include "unpacker/base/result.h"

namespace lamina {

// Reads bytes in place from a sequence of slices, of which all but the last are multiples of 512
// bytes long. One thread at a time.
class SliceStream {
  public:
    // Answers nothing at the end.
    using NextSlice = std::function<std::optional<Slice>()>;

    explicit SliceStream(NextSlice next_slice) : next_slice_(std::move(next_slice)) {}

    // The next bytes, at least one and at most `most`. data_loss at the end of the stream.
    Result<Slice> take(uint64_t most);

    // Exactly `count` bytes, in one piece, which is in place when they lie in one slice. Nothing at
    // the end of the stream; data_loss when it ends within them.
    Result<std::optional<Slice>> take_exactly(size_t count);

    // data_loss when the stream ends before `count` bytes.
    Status skip(uint64_t count);

  private:
    bool fill();
    Slice cut(size_t count);

    NextSlice next_slice_;
    Slice current_; // the part that was not taken yet
};

} // namespace lamina
