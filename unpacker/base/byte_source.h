// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "unpacker/base/result.h"

namespace lamina {

// A stream of bytes that is read once, from front to end, by one thread at a time: a blob, or what
// a decoder makes of another source.
class ByteSource {
  public:
    virtual ~ByteSource() = default;

    // Fills the front of `buffer` and returns how many bytes it wrote; 0 is the end of the stream.
    // It may return less than there is room for.
    virtual Result<size_t> read(std::span<std::byte> buffer) = 0;

    // Makes a read() that waits, and every later one, fail soon, where the source can do that. From
    // any thread.
    virtual void cancel() {}
};

// Reads until `buffer` is full or the stream ends; returns how many bytes.
[[nodiscard]] Result<size_t> read_fully(ByteSource& source, std::span<std::byte> buffer);

} // namespace lamina
