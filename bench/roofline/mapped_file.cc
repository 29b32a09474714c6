// SPDX-License-Identifier: Apache-2.0
#include "bench/roofline/mapped_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "unpacker/base/fd.h"

namespace lamina::bench {

Result<MappedFile> MappedFile::open(const std::string& path) {
    TRY_ASSIGN(const Fd file, open_file(path, O_RDONLY));
    struct stat found{};
    if (::fstat(file.get(), &found) != 0) {
        return fail(errno_error("fstat", path));
    }
    const auto size = static_cast<size_t>(found.st_size);
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
    if (memory == MAP_FAILED) {
        return fail(errno_error("mmap", path));
    }
    return MappedFile({static_cast<std::byte*>(memory), size});
}

MappedFile::~MappedFile() {
    if (!bytes_.empty()) {
        ::munmap(bytes_.data(), bytes_.size());
    }
}

} // namespace lamina::bench
