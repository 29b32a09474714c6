// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "unpacker/base/byte_source.h"
#include "unpacker/base/digest.h"
#include "unpacker/image/image_files.h"

namespace lamina {

// A blob whose last bytes are only given out if all of them have the digest.
class CheckedBlob final : public ByteSource {
  public:
    CheckedBlob(FileExtent file, Digest digest)
        : file_(std::move(file)), digest_(std::move(digest)) {}

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    FileExtent file_;
    Digest digest_;
    Sha256 hash_;
    bool is_checked_ = false;
};

} // namespace lamina
