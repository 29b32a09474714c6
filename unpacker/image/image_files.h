// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "unpacker/base/byte_source.h"
#include "unpacker/base/fd.h"

namespace lamina {

// A stretch of a file, read from its begin to its end.
class FileExtent final : public ByteSource {
  public:
    // The descriptor is shared: reads do not move its position.
    FileExtent(std::shared_ptr<const Fd> file, uint64_t offset_bytes, uint64_t size_bytes)
        : file_(std::move(file)), offset_(offset_bytes), left_(size_bytes) {}

    Result<size_t> read(std::span<std::byte> buffer) override;
    [[nodiscard]] uint64_t bytes_left() const { return left_; }

  private:
    std::shared_ptr<const Fd> file_;
    uint64_t offset_;
    uint64_t left_;
};

// The files of which an image consists, by names such as "blobs/sha256/<hex>": those of a directory
// or of a tar archive, which is read in place. Nothing outside of either is reached, neither by a
// name nor by a link. Any number of threads.
class ImageFiles {
  public:
    virtual ~ImageFiles() = default;

    // not_found when there is no such file; invalid_argument for a name that is none.
    [[nodiscard]] virtual Result<FileExtent> open(const std::string& name) const = 0;
};

[[nodiscard]] Result<std::unique_ptr<ImageFiles>> open_directory_files(const std::string& path);

// Symbolic and hard links within the archive are followed, as old `docker save` writes them for
// layers that are the same.
[[nodiscard]] Result<std::unique_ptr<ImageFiles>> open_archive_files(const std::string& path);

} // namespace lamina
