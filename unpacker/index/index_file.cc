// SPDX-License-Identifier: Apache-2.0
// Indexes as files: the part of layer_index.h that knows the disk.
#include <cerrno>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/file_sink.h"
#include "unpacker/base/limits.h"
#include "unpacker/index/layer_index.h"

namespace lamina {
namespace {

Result<std::string> read_all(int fd, size_t bytes) {
    std::string text(bytes, '\0');
    for (size_t done = 0; done < text.size();) {
        const ssize_t size = ::read(fd, text.data() + done, text.size() - done);
        if (size < 0 && errno != EINTR) {
            return fail(errno_error("read", "index of a layer"));
        }
        if (size == 0) {
            text.resize(done); // shorter than it was: parse() will say so
        }
        done += size > 0 ? static_cast<size_t>(size) : 0;
    }
    return text;
}

} // namespace

Status write_index(int file, const LayerIndex& index) {
    FileSink sink(file, "index of a layer");
    TRY(sink.write(std::as_bytes(std::span(index.bytes()))));
    return sink.finish();
}

Status save_index(int directory, const std::string& name, const LayerIndex& index) {
    TRY_ASSIGN(Fd file, open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(write_index(file.get(), index));
    return file.close();
}

Result<LayerIndex> load_index(int directory, const std::string& name) {
    TRY_ASSIGN(const Fd file, open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail(errno_error("fstat", name));
    }
    const auto bytes = static_cast<uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || bytes > limits::kIndexBytesMax) {
        return fail(ErrorCode::data_loss,
                    fmt::format("index of a layer: {} is no file, or too large", name));
    }
    TRY_ASSIGN(std::string text, read_all(file.get(), bytes));
    return LayerIndex::parse(std::move(text));
}

} // namespace lamina
