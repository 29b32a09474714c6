// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "unpacker/base/result.h"

namespace lamina {

// A stream of bytes that is written once, from front to end, by one thread at a time: a file, or
// what an encoder makes of it for another sink.
class ByteSink {
  public:
    virtual ~ByteSink() = default;

    // Takes all of `bytes`, or fails; after a failure the sink is of no more use.
    virtual Status write(std::span<const std::byte> bytes) = 0;

    // Once, after the last write: everything has gone to where it should. A sink that writes to
    // another one does not finish that.
    virtual Status finish() = 0;
};

} // namespace lamina
