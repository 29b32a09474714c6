// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "unpacker/base/byte_source.h"

namespace lamina {

// The bytes of a source that a decoder has not used yet: fill() fetches more when there are none,
// take() marks some as used.
class InputWindow {
  public:
    // 256 KiB: large enough that a read costs nothing beside decoding, small enough for the cache.
    static constexpr size_t kBytes = 256 * 1024;

    explicit InputWindow(ByteSource& source) : source_(&source), buffer_(kBytes) {}

    // `front` has been read from the source already and comes first.
    InputWindow(ByteSource& source, std::vector<std::byte> front)
        : source_(&source), buffer_(std::move(front)), end_(buffer_.size()) {
        buffer_.resize(std::max(buffer_.size(), kBytes));
    }

    [[nodiscard]] std::span<std::byte> bytes() {
        return std::span(buffer_).subspan(begin_, end_ - begin_);
    }

    void take(size_t count) { begin_ += count; }

    // False at the end of the source with nothing left.
    Result<bool> fill() {
        if (begin_ == end_) {
            begin_ = 0;
            TRY_ASSIGN(end_, source_->read(buffer_));
        }
        return begin_ != end_;
    }

  private:
    ByteSource* source_;
    std::vector<std::byte> buffer_;
    size_t begin_ = 0;
    size_t end_ = 0;
};

} // namespace lamina
