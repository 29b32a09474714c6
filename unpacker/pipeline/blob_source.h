// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "unpacker/base/byte_source.h"
#include "unpacker/base/fd.h"

namespace lamina {

// Where a layer's compressed bytes come from: a file, or containerd's content RPC.
using BlobSource = ByteSource;

// A blob that is a file of this host. It takes any readable file, also a pipe.
class FileBlob final : public BlobSource {
  public:
    static Result<std::unique_ptr<FileBlob>> open(const std::string& path);
    explicit FileBlob(Fd file) : file_(std::move(file)) {}

    Result<size_t> read(std::span<std::byte> buffer) override;

  private:
    Fd file_;
};

} // namespace lamina
