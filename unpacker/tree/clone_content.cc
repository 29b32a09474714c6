// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/clone_content.h"

#include <algorithm>
#include <cerrno>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "unpacker/base/error.h"
#include "unpacker/base/limits.h"

namespace lamina {
namespace {

constexpr off_t kBlockUnit = 512; // of st_blocks, stat(2)

tl::unexpected<Error> cut_short() {
    return fail(ErrorCode::aborted, "a file became shorter while it was copied");
}

// That this call is not for this file, here: another way has to be taken. copy_file_range(2) and
// ioctl_ficlone(2), "Errors".
bool is_unsuitable(int sys_errno) {
    return sys_errno == EOPNOTSUPP || sys_errno == ENOTTY || sys_errno == EXDEV ||
           sys_errno == ENOSYS || sys_errno == EINVAL;
}

// One pwrite(2) may write less, write(2).
Status write_all(int to, const std::byte* bytes, size_t size, off_t offset) {
    while (size > 0) {
        const ssize_t written = ::pwrite(to, bytes, size, offset);
        if (written < 0 && errno != EINTR) {
            return fail(errno_error("write", "content"));
        }
        if (written > 0) {
            bytes += written;
            size -= static_cast<size_t>(written);
            offset += written;
        }
    }
    return {};
}

} // namespace

Status ContentCloner::clone(int from, const struct stat& status, int to) {
    if (status.st_size == 0) {
        return {};
    }
    if (state_.can_reflink.load(std::memory_order_relaxed)) {
        TRY_ASSIGN(const bool is_done, reflink(from, to));
        if (is_done) {
            return {};
        }
    }
    // Compressed files have few blocks as well; they turn out to have no holes.
    if (status.st_blocks * kBlockUnit < status.st_size) {
        return copy_data_between_holes(from, status.st_size, to);
    }
    return copy_range(from, 0, status.st_size, to);
}

Result<bool> ContentCloner::reflink(int from, int to) {
    if (::ioctl(to, FICLONE, from) == 0) {
        return true;
    }
    if (!is_unsuitable(errno)) {
        return fail(errno_error("ioctl FICLONE", "content"));
    }
    if (errno != EINVAL) { // which is about this file, e.g. one that is stored inline
        state_.can_reflink = false;
    }
    return false;
}

Status ContentCloner::copy_data_between_holes(int from, off_t size, int to) {
    for (off_t at = 0; at < size;) {
        const off_t data = ::lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break; // nothing but a hole up to the end
        }
        const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
        if (hole < 0) {
            return fail(errno_error("lseek", "content"));
        }
        at = std::min(hole, size);
        TRY(copy_range(from, std::min(data, size), at, to));
    }
    if (::ftruncate(to, size) != 0) {
        return fail(errno_error("ftruncate", "content"));
    }
    return {};
}

Status ContentCloner::copy_range(int from, off_t begin, off_t end, int to) {
    if (end - begin > limits::kCloneBufferBytes) {
        TRY_ASSIGN(begin, copy_in_kernel(from, begin, end, to));
    }
    return copy_through_buffer(from, begin, end, to);
}

// Answers up to where it came: not to the end where the kernel cannot do it.
Result<off_t> ContentCloner::copy_in_kernel(int from, off_t begin, off_t end, int to) {
    while (begin < end) {
        if (state_.is_over) {
            return fail(ErrorCode::canceled, "clone was stopped");
        }
        off_t to_offset = begin;
        const auto piece =
            static_cast<size_t>(std::min<off_t>(end - begin, limits::kClonePieceBytes));
        const ssize_t copied = ::copy_file_range(from, &begin, to, &to_offset, piece, 0);
        if (copied < 0 && is_unsuitable(errno)) {
            return begin;
        }
        if (copied < 0 && errno != EINTR) {
            return fail(errno_error("copy_file_range", "content"));
        }
        if (copied == 0) {
            return cut_short();
        }
    }
    return begin;
}

Status ContentCloner::copy_through_buffer(int from, off_t begin, off_t end, int to) {
    buffer_.resize(limits::kCloneBufferBytes);
    while (begin < end) {
        if (state_.is_over) {
            return fail(ErrorCode::canceled, "clone was stopped");
        }
        const size_t wanted = std::min(static_cast<size_t>(end - begin), buffer_.size());
        const ssize_t got = ::pread(from, buffer_.data(), wanted, begin);
        if (got < 0 && errno != EINTR) {
            return fail(errno_error("read", "content"));
        }
        if (got == 0) {
            return cut_short();
        }
        if (got > 0) {
            TRY(write_all(to, buffer_.data(), static_cast<size_t>(got), begin));
            begin += got;
        }
    }
    return {};
}

} // namespace lamina
