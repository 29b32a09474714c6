// SPDX-License-Identifier: Apache-2.0
#include "bench/roofline/bare_extract.h"

#include <array>
#include <cerrno>
#include <functional>
#include <thread>
#include <unordered_map>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/first_error.h"

namespace lamina::bench {
namespace {

constexpr std::array<timespec, 2> kTimes{timespec{1'700'000'000, 0}, timespec{1'700'000'000, 0}};

struct Directory {
    Fd fd;
    size_t number; // in the order of making, decides which thread fills it
};

struct Split {
    std::string parent;
    std::string name;
};

Split split(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? Split{"", path}
                                      : Split{path.substr(0, slash), path.substr(slash + 1)};
}

class Directories {
  public:
    explicit Directories(Fd root) { made_.emplace("", Directory{std::move(root), 0}); }

    // The directory and, where no entry came before, its parents.
    Status make(const std::string& path) {
        if (made_.contains(path)) {
            return {};
        }
        const auto [parent, name] = split(path);
        TRY(make(parent));
        const int above = made_.at(parent).fd.get();
        if (::mkdirat(above, name.c_str(), 0755) != 0) {
            return fail(errno_error("mkdirat", path));
        }
        TRY_ASSIGN(Fd fd, open_directory_at(above, name));
        made_.emplace(path, Directory{std::move(fd), made_.size()});
        return {};
    }

    [[nodiscard]] const Directory& at(const std::string& path) const { return made_.at(path); }

  private:
    std::unordered_map<std::string, Directory> made_;
};

Status write_all(int file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0) {
            return fail(errno_error("write", ""));
        }
        bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return {};
}

Status make_leaf(const TarItem& item, const std::string& name, int directory) {
    if (item.type == '2') {
        const bool done = ::symlinkat(item.link.c_str(), directory, name.c_str()) == 0;
        return done ? Status() : Status(fail(errno_error("symlinkat", item.path)));
    }
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const Fd file(::openat(directory, name.c_str(), flags, item.mode));
    if (!file.valid()) {
        return fail(errno_error("openat", item.path));
    }
    TRY(write_all(file.get(), item.content));
    if (::futimens(file.get(), kTimes.data()) != 0) {
        return fail(errno_error("futimens", item.path));
    }
    return {};
}

// Every thread walks all items and makes those of its own directories.
Status make_share(const std::vector<TarItem>& items, const Directories& directories,
                  unsigned thread, unsigned threads) {
    for (const TarItem& item : items) {
        if (item.type != '0' && item.type != '2') {
            continue;
        }
        const auto [parent, name] = split(item.path);
        const Directory& directory = directories.at(parent);
        if (directory.number % threads == thread) {
            TRY(make_leaf(item, name, directory.fd.get()));
        }
    }
    return {};
}

Status make_hard_link(const TarItem& item, const Directories& directories) {
    const auto [parent, name] = split(item.path);
    const auto [target_parent, target] = split(item.link);
    if (::linkat(directories.at(target_parent).fd.get(), target.c_str(),
                 directories.at(parent).fd.get(), name.c_str(), 0) != 0) {
        return fail(errno_error("linkat", item.path));
    }
    return {};
}

} // namespace

Status bare_extract(const std::vector<TarItem>& items, const std::string& directory,
                    unsigned threads) {
    ::umask(0);
    TRY_ASSIGN(Fd root, open_directory(directory));
    Directories directories(std::move(root));
    for (const TarItem& item : items) {
        TRY(directories.make(item.type == '5' ? item.path : split(item.path).parent));
    }
    FirstError error;
    {
        std::vector<std::jthread> workers;
        workers.reserve(threads);
        for (unsigned thread = 0; thread < threads; ++thread) {
            workers.emplace_back([&, thread] {
                if (auto made = make_share(items, directories, thread, threads); !made) {
                    error.set(std::move(made).error());
                }
            });
        }
    }
    TRY(error.status());
    for (const TarItem& item : items) {
        if (item.type == '1') {
            TRY(make_hard_link(item, directories));
        }
    }
    return {};
}

} // namespace lamina::bench
