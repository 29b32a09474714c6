// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tree.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

using Type = Entry::Type;
using Inode = std::pair<dev_t, ino_t>;

// What is not there fails one test, not the whole program.
void must(bool is_fine, const std::string& path) {
    if (!is_fine) {
        throw std::system_error(errno, std::generic_category(), path);
    }
}

mode_t device_mode(Type type) {
    return type == Type::char_device ? S_IFCHR : S_IFBLK;
}

dev_t device_of(const Entry& entry) {
    return makedev(static_cast<unsigned>(entry.device_major),
                   static_cast<unsigned>(entry.device_minor));
}

void make_node(const std::string& root, const std::string& path, const Entry& entry) {
    switch (const auto type = static_cast<Type>(entry.type)) {
    case Type::file:
        write_file(path, entry.content);
        return;
    case Type::dir:
        CHECK(mkdir(path.c_str(), 0700) == 0 || errno == EEXIST);
        return;
    case Type::symlink:
        CHECK(::symlink(entry.link.c_str(), path.c_str()) == 0);
        return;
    case Type::hard_link:
        CHECK(link((root + "/" + entry.link).c_str(), path.c_str()) == 0);
        return;
    case Type::fifo:
        CHECK(mkfifo(path.c_str(), 0600) == 0);
        return;
    case Type::char_device:
    case Type::block_device:
        CHECK(mknod(path.c_str(), device_mode(type) | 0600, device_of(entry)) == 0);
        return;
    }
    CHECK(!"a tree literal has no such type");
}

void set_times(const std::string& path, const Entry& entry) {
    const timespec time{entry.mtime_seconds, static_cast<long>(entry.mtime_nanoseconds)};
    const timespec times[2] = {time, time};
    CHECK(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

Type type_of(const struct stat& status) {
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        return Type::dir;
    case S_IFLNK:
        return Type::symlink;
    case S_IFIFO:
        return Type::fifo;
    case S_IFCHR:
        return Type::char_device;
    case S_IFBLK:
        return Type::block_device;
    default:
        return Type::file;
    }
}

std::map<std::string, std::string> xattrs_of(const std::string& path) {
    std::string names(64 * 1024, '\0');
    const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
    CHECK(length >= 0);
    std::map<std::string, std::string> out;
    for (size_t at = 0; at < static_cast<size_t>(length);) {
        const std::string key(names.c_str() + at);
        std::string value(64 * 1024, '\0');
        const ssize_t size = lgetxattr(path.c_str(), key.c_str(), value.data(), value.size());
        CHECK(size >= 0);
        value.resize(static_cast<size_t>(size));
        out.emplace(key, std::move(value));
        at += key.size() + 1;
    }
    return out;
}

struct stat status_of(const std::string& path) {
    struct stat status{};
    must(lstat(path.c_str(), &status) == 0, path);
    return status;
}

std::vector<std::string> sorted_names(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& item : std::filesystem::directory_iterator(directory)) {
        // In a directory that overlayfs does not merge it lists whiteouts, and then denies them.
        if (exists(item.path().string())) {
            names.push_back(item.path().filename().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

class Walk {
  public:
    Walk(const std::string& root, const std::function<void(const Entry&)>& visit)
        : root_(root), visit_(visit) {}

    void directory(const std::string& relative) {
        for (const std::string& base : sorted_names(root_ + "/" + relative)) {
            const std::string name = relative.empty() ? base : fmt::format("{}/{}", relative, base);
            Entry entry = read_entry(root_ + "/" + name, name);
            find_link(entry);
            visit_(entry);
            if (entry.type == static_cast<char>(Type::dir)) {
                directory(name);
            }
        }
    }

  private:
    void find_link(Entry& entry) {
        const struct stat status = status_of(root_ + "/" + entry.name);
        if (S_ISDIR(status.st_mode) || status.st_nlink == 1) {
            return;
        }
        const Inode inode{status.st_dev, status.st_ino};
        const auto [first, is_new] = first_names_.emplace(inode, entry.name);
        if (!is_new) {
            entry.type = static_cast<char>(Type::hard_link);
            entry.link = first->second;
            entry.content.clear();
        }
    }

    const std::string& root_;
    const std::function<void(const Entry&)>& visit_;
    std::map<Inode, std::string> first_names_;
};

} // namespace

void set_metadata(const std::string& path, const Entry& entry) {
    CHECK(lchown(path.c_str(), static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) == 0);
    for (const auto& [key, value] : entry.xattrs) {
        CHECK(lsetxattr(path.c_str(), key.c_str(), value.data(), value.size(), 0) == 0);
    }
    if (!S_ISLNK(status_of(path).st_mode)) {
        CHECK(chmod(path.c_str(), entry.permission_bits) == 0);
    }
    set_times(path, entry);
}

void make_tree(const std::string& root, const Tree& entries) {
    for (const Entry& entry : entries) {
        const std::string path = root + "/" + entry.name;
        make_node(root, path, entry);
        set_metadata(path, entry);
    }
    for (const Entry& entry : entries) {
        if (entry.type == static_cast<char>(Type::dir)) {
            set_times(root + "/" + entry.name, entry);
        }
    }
}

void walk_tree(const std::string& root, const std::function<void(const Entry&)>& visit) {
    Walk(root, visit).directory("");
}

Tree read_tree(const std::string& root) {
    Tree entries;
    walk_tree(root, [&](const Entry& entry) { entries.push_back(entry); });
    return entries;
}

Entry read_entry(const std::string& path, const std::string& name) {
    const struct stat status = status_of(path);
    Entry entry(type_of(status), name, status.st_mode & 07777);
    entry.owner(status.st_uid, status.st_gid);
    entry.mtime(status.st_mtim.tv_sec, static_cast<uint32_t>(status.st_mtim.tv_nsec));
    entry.device(major(status.st_rdev), minor(status.st_rdev));
    entry.xattrs = xattrs_of(path);
    if (S_ISREG(status.st_mode)) {
        entry.content = read_file(path);
    }
    if (S_ISLNK(status.st_mode)) {
        entry.link = std::filesystem::read_symlink(path).string();
    }
    return entry;
}

bool exists(const std::string& path) {
    struct stat status{};
    return lstat(path.c_str(), &status) == 0;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    must(in.is_open(), path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& content) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << content;
    out.close();
    CHECK(out.good());
}

} // namespace lamina::test
