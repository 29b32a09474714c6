// SPDX-License-Identifier: Apache-2.0
#include "unpacker/pipeline/blob_source.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace lamina {

Result<std::unique_ptr<FileBlob>> FileBlob::open(const std::string& path) {
    TRY_ASSIGN(Fd file, open_file(path, O_RDONLY));
    // Doubles the kernel's own read-ahead; the blob is read once from front to end. Advice only.
    (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<FileBlob>(std::move(file));
}

Result<size_t> FileBlob::read(std::span<std::byte> buffer) {
    ssize_t got = -1;
    do {
        got = ::read(file_.get(), buffer.data(), buffer.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fail(errno_error("read", "blob"));
    }
    return static_cast<size_t>(got);
}

} // namespace lamina
