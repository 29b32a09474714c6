// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "unpacker/pipeline/blob_source.h"

namespace lamina::test {

// A blob in memory, handed out in pieces of at most `piece` bytes.
class MemoryBlob final : public BlobSource {
  public:
    explicit MemoryBlob(std::string bytes, size_t piece = 64 * 1024)
        : bytes_(std::move(bytes)), piece_(piece) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        const size_t size = std::min({buffer.size(), piece_, bytes_.size() - offset_});
        std::copy_n(reinterpret_cast<const std::byte*>(bytes_.data()) + offset_, size,
                    buffer.begin());
        offset_ += size;
        return size;
    }

  private:
    std::string bytes_;
    size_t piece_;
    size_t offset_ = 0;
};

// A blob made as it is read: `next` fills a string for each read, an empty one is the end.
class GeneratedBlob final : public BlobSource {
  public:
    using Next = std::function<Result<std::string>()>;
    explicit GeneratedBlob(Next next) : next_(std::move(next)) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        if (rest_.empty()) {
            TRY_ASSIGN(rest_, next_());
        }
        const size_t size = std::min(buffer.size(), rest_.size());
        std::copy_n(reinterpret_cast<const std::byte*>(rest_.data()), size, buffer.begin());
        rest_.erase(0, size);
        return size;
    }

  private:
    Next next_;
    std::string rest_;
};

} // namespace lamina::test
