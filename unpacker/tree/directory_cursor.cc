// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/directory_cursor.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unpacker/base/check.h"

namespace lamina {
namespace {

// openat2(2) because openat cannot refuse a mount point; bind mounts even have the same st_dev.
Result<Fd> open_same_filesystem(int directory, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    long fd = -1;
    do {
        fd = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how));
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return fail(errno_error("openat2", name));
    }
    return Fd(static_cast<int>(fd));
}

bool is_dot_or_dot_dot(const char* name) {
    return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

} // namespace

Result<DirectoryCursor::Identity> DirectoryCursor::identity_of(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) {
        return fail(errno_error("fstat", "directory"));
    }
    return Identity{status.st_dev, status.st_ino};
}

Result<DirectoryCursor> DirectoryCursor::open(int directory, const std::string& name) {
    TRY_ASSIGN(auto fd, open_same_filesystem(directory, name));
    TRY_ASSIGN(const auto here, identity_of(fd.get()));
    return DirectoryCursor(std::move(fd), here);
}

Status DirectoryCursor::enter(const std::string& name) {
    TRY_ASSIGN(auto child, open_same_filesystem(fd_.get(), name));
    TRY_ASSIGN(const auto there, identity_of(child.get()));
    above_.push_back(here_);
    here_ = there;
    fd_ = std::move(child);
    return {};
}

Status DirectoryCursor::leave() {
    CHECK(!above_.empty());
    TRY_ASSIGN(auto parent, open_directory_at(fd_.get(), ".."));
    TRY_ASSIGN(const auto there, identity_of(parent.get()));
    if (there != above_.back()) {
        return fail(ErrorCode::aborted, "a directory was moved while its tree was walked");
    }
    above_.pop_back();
    here_ = there;
    fd_ = std::move(parent);
    return {};
}

Status for_each_entry(int directory,
                      const std::function<Status(const char*, unsigned char)>& visit) {
    // A descriptor of its own: readdir's position belongs to the open file.
    TRY_ASSIGN(auto fd, open_directory_at(directory, "."));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
    if (stream == nullptr) {
        return fail(errno_error("fdopendir", "directory"));
    }
    (void)fd.release(); // the stream's from here on
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) {
            return errno == 0 ? Status{} : fail(errno_error("readdir", "directory"));
        }
        if (!is_dot_or_dot_dot(entry->d_name)) {
            TRY(visit(entry->d_name, entry->d_type));
        }
    }
}

Result<std::vector<std::string>> list_names(int directory) {
    std::vector<std::string> names;
    TRY(for_each_entry(directory, [&](const char* name, unsigned char) -> Status {
        names.emplace_back(name);
        return {};
    }));
    return names;
}

Result<bool> is_empty_directory(const std::string& path) {
    TRY_ASSIGN(const auto directory, open_directory(path));
    bool empty = true;
    TRY(for_each_entry(directory.get(), [&](const char*, unsigned char) -> Status {
        empty = false;
        return {};
    }));
    return empty;
}

} // namespace lamina
