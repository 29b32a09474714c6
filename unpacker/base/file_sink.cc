// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/file_sink.h"

#include <cerrno>

#include <unistd.h>

namespace lamina {
namespace {

// Bytes that are held back until a system call is worth while.
constexpr size_t kHeldBytesMax = 256 * 1024;

} // namespace

Status FileSink::write(std::span<const std::byte> bytes) {
    if (held_.size() + bytes.size() < kHeldBytesMax) {
        held_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
    }
    TRY(finish());
    return write_out(bytes);
}

Status FileSink::finish() {
    TRY(write_out(std::as_bytes(std::span(held_))));
    held_.clear();
    return {};
}

Status FileSink::write_out(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return fail(errno_error("write", name_));
        }
        bytes = bytes.subspan(written < 0 ? 0 : static_cast<size_t>(written));
    }
    return {};
}

} // namespace lamina
