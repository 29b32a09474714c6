// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/image/image_files.h"

namespace lamina {
namespace {

Result<Fd> open_step(int directory, const std::string& name, int flags) {
    if (name.empty() || name == "." || name == "..") {
        return fail(ErrorCode::invalid_argument, fmt::format("\"{}\" is no name of a file", name));
    }
    return open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags);
}

class DirectoryFiles final : public ImageFiles {
  public:
    explicit DirectoryFiles(Fd root) : root_(std::move(root)) {}

    // One component at a time, so that no link leads elsewhere.
    [[nodiscard]] Result<FileExtent> open(const std::string& name) const override {
        Fd directory;
        size_t begin = 0;
        for (size_t end = name.find('/'); end != std::string::npos; end = name.find('/', begin)) {
            const int from = directory.valid() ? directory.get() : root_.get();
            TRY_ASSIGN(directory, open_step(from, name.substr(begin, end - begin), O_DIRECTORY));
            begin = end + 1;
        }
        const int from = directory.valid() ? directory.get() : root_.get();
        TRY_ASSIGN(Fd file, open_step(from, name.substr(begin), 0));
        struct stat status{};
        if (::fstat(file.get(), &status) != 0) {
            return fail(errno_error("stat", name));
        }
        if (!S_ISREG(status.st_mode)) {
            return fail(ErrorCode::invalid_argument, fmt::format("{} is no regular file", name));
        }
        return FileExtent(std::make_shared<const Fd>(std::move(file)), 0,
                          static_cast<uint64_t>(status.st_size));
    }

  private:
    Fd root_;
};

} // namespace

Result<size_t> FileExtent::read(std::span<std::byte> buffer) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), left_);
    if (wanted == 0) {
        return size_t{0};
    }
    ssize_t got = -1;
    do {
        got = ::pread(file_->get(), buffer.data(), wanted, static_cast<off_t>(offset_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fail(errno_error("read", "image"));
    }
    if (got == 0) {
        return fail(ErrorCode::data_loss, "the file ended before what it should hold");
    }
    offset_ += static_cast<uint64_t>(got);
    left_ -= static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
}

Result<std::unique_ptr<ImageFiles>> open_directory_files(const std::string& path) {
    TRY_ASSIGN(Fd root, open_file(path, O_RDONLY | O_DIRECTORY)); // the user's own path
    return std::make_unique<DirectoryFiles>(std::move(root));
}

} // namespace lamina
