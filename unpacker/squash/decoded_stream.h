// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <thread>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/byte_source.h"
#include "unpacker/base/chunk.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/first_error.h"
#include "unpacker/codec/media_type.h"

namespace lamina {

// The uncompressed bytes of a blob (borrowed), decoded and hashed on threads of their own while the
// caller reads them.
class DecodedStream {
  public:
    DecodedStream(ByteSource& blob, Encoding encoding);
    ~DecodedStream(); // drops what was not read
    DecodedStream(const DecodedStream&) = delete;
    DecodedStream& operator=(const DecodedStream&) = delete;

    // The next bytes, of which all but the last are multiples of 512. Nothing at the end, and after
    // an error, which digest() tells.
    std::optional<Slice> next() { return to_read_.pop(); }

    // Once: of all bytes, also those that next() has not given, or the first error.
    Result<Digest> digest();

  private:
    void decode(Encoding encoding);
    Status try_decode(Encoding encoding);
    void hash();

    ByteSource& blob_;
    FirstError error_;
    std::shared_ptr<ChunkPool> chunks_;
    BoundedQueue<Slice> to_hash_;
    BoundedQueue<Slice> to_read_;
    std::optional<Digest> digest_;
    std::jthread hasher_;
    std::jthread decoder_;
};

} // namespace lamina
