// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/input_window.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "unpacker/base/limits.h"

namespace lamina {

void InputWindow::take(size_t count) {
    bytes_ = bytes_.subspan(count);
    taken_ += count;
}

void InputWindow::put_back(std::span<const std::byte> taken) {
    Bytes joined;
    joined.reserve(taken.size() + bytes_.size());
    joined.insert(joined.end(), taken.begin(), taken.end());
    joined.insert(joined.end(), bytes_.begin(), bytes_.end());
    buffer_ = std::move(joined);
    bytes_ = buffer_;
    taken_ -= taken.size();
}

// Reads once behind what there is, at most `room` bytes.
void InputWindow::append(size_t room) {
    if (source_ == nullptr || failure_) {
        return;
    }
    const size_t kept = bytes_.size();
    if (kept > 0) {
        std::memmove(buffer_.data(), bytes_.data(), kept);
    }
    buffer_.resize(std::max(buffer_.size(), kept + room));
    const auto got = source_->read(std::span(buffer_).subspan(kept, room));
    if (!got) {
        failure_ = got.error();
    }
    bytes_ = std::span(buffer_).first(kept + got.value_or(0));
}

Result<bool> InputWindow::fill() {
    if (bytes_.empty()) {
        append(limits::kBlobReadBytes);
    }
    if (bytes_.empty() && failure_) {
        return fail(*failure_);
    }
    return !bytes_.empty();
}

bool InputWindow::grow() {
    const size_t before = bytes_.size();
    const size_t wanted = before + std::max(before, limits::kBlobReadBytes);
    while (bytes_.size() < wanted) {
        const size_t size = bytes_.size();
        append(wanted - size);
        if (bytes_.size() == size) {
            break;
        }
    }
    return bytes_.size() > before;
}

} // namespace lamina
