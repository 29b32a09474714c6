// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/clone_tree.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/first_error.h"
#include "unpacker/base/limits.h"
#include "unpacker/base/processors.h"
#include "unpacker/base/synchronized.h"
#include "unpacker/tree/clone_inode.h"
#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/task_stack.h"

namespace lamina {
namespace {

// A directory of both trees, open until everything below it is done: what is made in it changes its
// times. Then it stays as long as its place is needed, to link to what it holds.
struct Directory {
    std::shared_ptr<Directory> parent; // null for the root
    std::string name;
    const DirectoryMarks* marks = nullptr; // of what is in it
    bool is_fresh = false;
    Fd from;
    Fd to;
    struct stat status{};
    std::atomic<size_t> unfinished = 1; // itself, while it is listed, and directories in it
};
using DirectoryPtr = std::shared_ptr<Directory>;

// A directory that is to be made.
struct Task {
    DirectoryPtr parent;
    std::string name;
};

// Names of one inode of the source. Whoever comes first makes the inode, under the lock.
struct LinkGroup {
    std::mutex mutex;
    DirectoryPtr directory; // of the name made first; null before
    std::string name;
};

class TreeClone {
  public:
    explicit TreeClone(const DirectoryMarks* fresh) : fresh_(fresh) {}

    Status begin(int from, int to);
    void work();
    void fail_with(Error error);
    Result<Usage> finish(int to);

  private:
    Status clone_directory(const Task& task, InodeCloner& inodes, Usage& usage);
    Result<DirectoryPtr> make_directory(const Task& task);
    Status list(const DirectoryPtr& directory, InodeCloner& inodes, Usage& usage);
    Status finish_if_done(DirectoryPtr directory, InodeCloner& inodes, Usage& usage);
    Status clone_leaf(const DirectoryPtr& directory, const char* name, unsigned char type,
                      InodeCloner& inodes, Usage& usage);
    static Status make_leaf(const InodeCloner::Source& source, const Directory& directory,
                            InodeCloner& inodes, Usage& usage);
    Status link(const LinkGroup& group, const Directory& directory, const char* name);
    Result<Fd> reopen(const Directory& directory);
    static Status check_inherits_nothing(const Directory& directory);

    const DirectoryMarks* const fresh_;
    CloneState state_;
    FirstError error_;
    TaskStack<Task> tasks_;
    DirectoryPtr root_;
    std::atomic<size_t> open_directories_ = 1;
    Synchronized<std::map<ino_t, std::shared_ptr<LinkGroup>>> links_;
    Synchronized<Usage> usage_;
};

Status TreeClone::begin(int from, int to) {
    TRY_ASSIGN(const bool inherits, has_default_acl(to));
    if (inherits) {
        return fail(ErrorCode::failed_precondition, "the target of a clone has a default ACL");
    }
    root_ = std::make_shared<Directory>();
    root_->marks = fresh_;
    TRY_ASSIGN(root_->from, open_directory_at(from, "."));
    TRY_ASSIGN(root_->to, open_directory_at(to, "."));
    if (::fstat(root_->from.get(), &root_->status) != 0) {
        return fail(errno_error("fstat", "clone"));
    }
    tasks_.push({{nullptr, {}}});
    return {};
}

void TreeClone::work() {
    InodeCloner inodes(state_);
    Usage usage;
    while (const auto task = tasks_.pop()) {
        if (auto cloned = clone_directory(*task, inodes, usage); !cloned) {
            fail_with(std::move(cloned).error());
        }
        tasks_.done();
    }
    auto all = usage_.lock();
    all->inodes += usage.inodes;
    all->size_bytes += usage.size_bytes;
}

void TreeClone::fail_with(Error error) {
    error_.set(std::move(error));
    state_.is_over = true;
    tasks_.close();
}

// --- Directories ---

Status TreeClone::clone_directory(const Task& task, InodeCloner& inodes, Usage& usage) {
    DirectoryPtr directory = root_;
    if (task.parent != nullptr) {
        TRY_ASSIGN(directory, make_directory(task));
    }
    TRY(list(directory, inodes, usage));
    return finish_if_done(std::move(directory), inodes, usage);
}

Result<DirectoryPtr> TreeClone::make_directory(const Task& task) {
    if (++open_directories_ > limits::kCloneOpenDirectoriesMax) {
        return fail(ErrorCode::resource_exhausted, "the tree is too deep to be cloned");
    }
    auto made = std::make_shared<Directory>();
    made->parent = task.parent;
    made->name = task.name;
    if (const DirectoryMarks* const above = task.parent->marks) {
        const auto found = above->inside.find(task.name);
        made->marks = found == above->inside.end() ? nullptr : found->second.get();
        made->is_fresh = made->marks != nullptr && made->marks->is_marked;
    }
    TRY_ASSIGN(made->from, open_directory_at(task.parent->from.get(), task.name));
    if (::fstat(made->from.get(), &made->status) != 0) {
        return fail(errno_error("fstat", task.name));
    }
    if (made->status.st_dev != root_->status.st_dev) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("another filesystem is mounted on {}", task.name));
    }
    if (made->is_fresh && !task.parent->is_fresh) {
        TRY(check_inherits_nothing(*task.parent));
    }
    // Everybody else is kept out until it has its owner and mode.
    if (::mkdirat(task.parent->to.get(), task.name.c_str(), 0700) != 0) {
        return fail(errno_error("mkdirat", task.name));
    }
    TRY_ASSIGN(made->to, open_directory_at(task.parent->to.get(), task.name));
    return made;
}

// A directory that was only implied took group and ACL from the one it was made in, if that one had
// them by then. Which nobody can tell from the finished tree.
Status TreeClone::check_inherits_nothing(const Directory& directory) {
    TRY_ASSIGN(const bool has_acl, has_default_acl(directory.from.get()));
    if (has_acl || (directory.status.st_mode & S_ISGID) != 0) {
        return fail(ErrorCode::failed_precondition,
                    "an implied directory lies in one with set-group-ID or default ACL");
    }
    return {};
}

Status TreeClone::list(const DirectoryPtr& directory, InodeCloner& inodes, Usage& usage) {
    std::vector<Task> inside;
    TRY(for_each_entry(directory->from.get(), [&](const char* name, unsigned char type) -> Status {
        if (state_.is_over) {
            return fail(ErrorCode::canceled, "clone was stopped");
        }
        if (type == DT_DIR) {
            inside.push_back({directory, name});
            return {};
        }
        return clone_leaf(directory, name, type, inodes, usage);
    }));
    directory->unfinished += inside.size();
    tasks_.push(std::move(inside));
    return {};
}

// Whoever finishes the last part of a directory finishes the directory, and so on upwards.
Status TreeClone::finish_if_done(DirectoryPtr directory, InodeCloner& inodes, Usage& usage) {
    while (directory != root_ && --directory->unfinished == 0) {
        const int from = directory->from.get();
        const int to = directory->to.get();
        TRY_ASSIGN(const uint64_t bytes, directory->is_fresh
                                             ? inodes.copy_marks(from, to)
                                             : inodes.copy_metadata(from, directory->status, to));
        ++usage.inodes;
        usage.size_bytes += bytes;
        directory->from = Fd();
        directory->to = Fd();
        --open_directories_;
        directory = directory->parent;
    }
    return {};
}

// --- Everything else ---

Status TreeClone::clone_leaf(const DirectoryPtr& directory, const char* name, unsigned char type,
                             InodeCloner& inodes, Usage& usage) {
    TRY_ASSIGN(const auto source, InodeCloner::open(directory->from.get(), name, type));
    if (source.status.st_nlink < 2) {
        return make_leaf(source, *directory, inodes, usage);
    }
    std::shared_ptr<LinkGroup> group;
    {
        auto links = links_.lock();
        auto& known = (*links)[source.status.st_ino];
        known = known != nullptr ? known : std::make_shared<LinkGroup>();
        group = known;
    }
    const std::lock_guard lock(group->mutex);
    if (group->directory != nullptr) {
        return link(*group, *directory, name);
    }
    TRY(make_leaf(source, *directory, inodes, usage));
    group->directory = directory;
    group->name = name;
    return {};
}

Status TreeClone::make_leaf(const InodeCloner::Source& source, const Directory& directory,
                            InodeCloner& inodes, Usage& usage) {
    TRY_ASSIGN(const uint64_t bytes, inodes.make(source, directory.to.get()));
    ++usage.inodes;
    usage.size_bytes += bytes;
    return {};
}

Status TreeClone::link(const LinkGroup& group, const Directory& directory, const char* name) {
    Fd opened;
    int from = directory.to.get();
    if (group.directory.get() != &directory) {
        TRY_ASSIGN(opened, reopen(*group.directory));
        from = opened.get();
    }
    if (::linkat(from, group.name.c_str(), directory.to.get(), name, 0) != 0) {
        return fail(errno_error("linkat", name));
    }
    return {};
}

// In the clone. The directory may be finished and closed, also by another thread just now.
Result<Fd> TreeClone::reopen(const Directory& directory) {
    std::vector<const std::string*> names;
    for (const Directory* at = &directory; at->parent != nullptr; at = at->parent.get()) {
        names.push_back(&at->name);
    }
    TRY_ASSIGN(Fd at, open_directory_at(root_->to.get(), "."));
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        TRY_ASSIGN(at, open_directory_at(at.get(), **name));
    }
    return at;
}

// --- The end ---

Result<Usage> TreeClone::finish(int to) {
    TRY(error_.status());
    struct stat made{};
    if (::fstat(to, &made) != 0) {
        return fail(errno_error("fstat", "clone"));
    }
    Usage usage = *usage_.lock();
    ++usage.inodes;
    usage.size_bytes += static_cast<uint64_t>(made.st_blocks) * 512;
    return usage;
}

// Without any thread the clone fails; with fewer than wanted it takes longer.
void start_threads(TreeClone& clone, const CloneOptions& options,
                   std::vector<std::jthread>& threads) {
    const unsigned wanted = options.threads != 0 ? options.threads : available_processors();
    try {
        while (threads.size() < std::clamp(wanted, 1U, limits::kCloneThreadsMax)) {
            threads.emplace_back([&clone, nice = options.nice] {
                if (nice > 0) { // per thread on Linux, setpriority(2); lowering cannot fail
                    (void)::setpriority(PRIO_PROCESS, 0, nice);
                }
                clone.work();
            });
        }
    } catch (const std::system_error& error) { // too many threads: pthread_create(3), EAGAIN
        if (threads.empty()) {
            clone.fail_with({ErrorCode::resource_exhausted, error.code().value(),
                             "cannot start a thread to clone with"});
        }
    }
}

} // namespace

Result<Usage> clone_tree(int from, int to, const CloneOptions& options,
                         const std::stop_token& stop) {
    TreeClone clone(options.fresh);
    TRY(clone.begin(from, to));
    {
        const std::stop_callback on_stop(
            stop, [&] { clone.fail_with({ErrorCode::canceled, 0, "clone was cancelled"}); });
        std::vector<std::jthread> threads;
        start_threads(clone, options, threads);
    }
    return clone.finish(to);
}

} // namespace lamina
