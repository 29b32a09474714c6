// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/directory_tree.h"

#include <array>
#include <cerrno>
#include <deque>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/layer/entry_path.h"

namespace lamina {
namespace {

// Of directories that only the names of other entries tell of: containerd's choice (mkparent).
constexpr mode_t kImpliedMode = 0755;

Result<std::string> read_link(int directory, const std::string& name) {
    std::array<char, limits::kPathBytesMax> target{};
    const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (length < 0) {
        return fail(errno_error("readlink", name));
    }
    return std::string(target.data(), static_cast<size_t>(length));
}

} // namespace

// The components that are still to be walked, which links add to.
class DirectoryTree::Resolution {
  public:
    explicit Resolution(const std::vector<std::string>& components)
        : todo_(components.begin(), components.end()) {}

    bool next(std::string& component) {
        if (todo_.empty()) {
            return false;
        }
        component = std::move(todo_.front());
        todo_.pop_front();
        return true;
    }

    Status follow(const std::string& target) {
        if (++links_ > limits::kLinksMax) {
            return fail(errno_error("resolve", "path with too many symbolic links", ELOOP));
        }
        const auto components = clean_link_target(target);
        todo_.insert(todo_.begin(), components.begin(), components.end());
        return {};
    }

  private:
    std::deque<std::string> todo_;
    unsigned links_ = 0;
};

DirectoryTree::DirectoryTree(Fd root, unsigned writers, Hooks hooks)
    : writers_(writers), hooks_(std::move(hooks)) {
    root_.fd = std::make_shared<const Fd>(std::move(root));
}

Result<Directory*> DirectoryTree::resolve(const std::vector<std::string>& components,
                                          Missing missing) {
    Resolution resolution(components);
    Directory* at = &root_;
    std::string name;
    while (resolution.next(name)) {
        if (name == "..") {
            at = at->is_root() ? at : at->parent;
            continue;
        }
        TRY_ASSIGN(at, step(*at, name, missing, resolution));
    }
    return at;
}

Result<Directory*> DirectoryTree::step(Directory& at, const std::string& name, Missing missing,
                                       Resolution& resolution) {
    if (const auto child = at.children.find(name); child != at.children.end()) {
        return child->second.get();
    }
    if (at.names.contains(name)) {
        TRY(hooks_.await_writers());
    } else if (missing == Missing::is_made) {
        auto made = make_implied(at, name);
        if (made || made.error().code != ErrorCode::already_exists) {
            return made;
        }
    }
    return step_onto_existing(at, name, resolution);
}

Result<Directory*> DirectoryTree::step_onto_existing(Directory& at, const std::string& name,
                                                     Resolution& resolution) {
    TRY_ASSIGN(const auto fd, open(at));
    struct stat found{};
    if (::fstatat(fd->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", name));
    }
    if (S_ISDIR(found.st_mode)) {
        return adopt(at, name);
    }
    if (S_ISLNK(found.st_mode)) {
        TRY_ASSIGN(const std::string target, read_link(fd->get(), name));
        TRY(resolution.follow(target));
        return target.starts_with('/') ? &root_ : &at;
    }
    if (S_ISCHR(found.st_mode) && found.st_rdev == 0 && at.hidden.contains(name)) {
        return hooks_.replace_whiteout(at, name);
    }
    return fail(errno_error("resolve", name, ENOTDIR));
}

Result<Directory*> DirectoryTree::make(Directory& parent, const std::string& name) {
    if (parent.path_bytes + 1 + name.size() > limits::kPathBytesMax) {
        return fail(errno_error("mkdir", name, ENAMETOOLONG));
    }
    TRY_ASSIGN(const auto fd, open(parent));
    if (::mkdirat(fd->get(), name.c_str(), kImpliedMode) != 0) {
        return fail(errno_error("mkdir", name));
    }
    TRY_ASSIGN(Directory* const made, adopt(parent, name));
    parent.names.insert(name);
    made->is_made = true;
    return made;
}

Result<Directory*> DirectoryTree::make_implied(Directory& parent, const std::string& name) {
    TRY_ASSIGN(Directory* const made, make(parent, name));
    made->is_implied = true;
    TRY_ASSIGN(const auto fd, open(*made));
    struct stat now{};
    if (::fstat(fd->get(), &now) != 0) {
        return fail(errno_error("fstat", name));
    }
    if ((now.st_mode & 07777U) != kImpliedMode && ::fchmod(fd->get(), kImpliedMode) != 0) {
        return fail(errno_error("fchmod", name));
    }
    return made;
}

Result<Directory*> DirectoryTree::adopt(Directory& parent, const std::string& name) {
    TRY_ASSIGN(const auto parent_fd, open(parent));
    TRY_ASSIGN(Fd fd, open_directory_at(parent_fd->get(), name));
    auto directory = std::make_unique<Directory>();
    directory->parent = &parent;
    directory->name = name;
    directory->path_bytes = parent.path_bytes + 1 + name.size();
    directory->writer = next_writer_++ % writers_;
    Directory* const taken = directory.get();
    parent.children.emplace(name, std::move(directory));
    TRY(cache(*taken, std::move(fd)));
    return taken;
}

void DirectoryTree::forget(Directory& parent, const std::string& name) {
    const auto child = parent.children.find(name);
    if (child == parent.children.end()) {
        return;
    }
    // Bottom up and without recursion into forget(): every descendant leaves the cache.
    std::vector<Directory*> subtree{child->second.get()};
    for (size_t i = 0; i < subtree.size(); ++i) {
        for (auto& [unused, grandchild] : subtree[i]->children) {
            subtree.push_back(grandchild.get());
        }
        uncache(*subtree[i]);
    }
    parent.children.erase(child);
}

Result<std::shared_ptr<const Fd>> DirectoryTree::open(Directory& directory) {
    std::vector<Directory*> closed;
    Directory* at = &directory;
    for (; at->fd == nullptr; at = at->parent) {
        closed.push_back(at);
    }
    touch(*at);
    auto fd = at->fd;
    for (auto next = closed.rbegin(); next != closed.rend(); ++next) {
        TRY_ASSIGN(Fd opened, open_directory_at(fd->get(), (*next)->name));
        TRY(cache(**next, std::move(opened)));
        fd = (*next)->fd;
    }
    return fd;
}

Status DirectoryTree::cache(Directory& directory, Fd fd) {
    if (open_count_->load() >= limits::kOpenDirectoriesMax) {
        TRY(hooks_.await_writers());
    }
    open_count_->fetch_add(1);
    directory.fd = {new Fd(std::move(fd)), [count = open_count_](const Fd* open) {
                        delete open;
                        count->fetch_sub(1);
                    }};
    recent_.push_front(&directory);
    recent_at_[&directory] = recent_.begin();
    if (recent_.size() > limits::kCachedDirectoriesMax) {
        uncache(*recent_.back());
    }
    return {};
}

// The root is always open and not among the recent ones.
void DirectoryTree::touch(Directory& directory) {
    if (const auto found = recent_at_.find(&directory); found != recent_at_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
    }
}

void DirectoryTree::uncache(Directory& directory) {
    if (const auto found = recent_at_.find(&directory); found != recent_at_.end()) {
        recent_.erase(found->second);
        recent_at_.erase(found);
        directory.fd.reset();
    }
}

Status DirectoryTree::for_each(const std::function<Status(Directory&)>& visit) {
    std::vector<Directory*> todo{&root_};
    while (!todo.empty()) {
        Directory* const directory = todo.back();
        todo.pop_back();
        TRY(visit(*directory));
        for (auto& [unused, child] : directory->children) {
            todo.push_back(child.get());
        }
    }
    return {};
}

} // namespace lamina
