// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/remove_tree.h"

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

enum class Unlinked { gone, is_directory };

Result<Unlinked> unlink_unless_directory(int directory, const char* name) {
    if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) {
        return Unlinked::gone;
    }
    if (errno == EISDIR) { // Linux; POSIX would say EPERM, unlink(2)
        return Unlinked::is_directory;
    }
    return fail(errno_error("unlinkat", name));
}

Status remove_empty_directory(int directory, const std::string& name) {
    if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return fail(errno_error("rmdir", name));
    }
    return {};
}

// Empties the directory that its cursor was opened on. What cannot be removed stays, with the
// directories that lead to it, and the rest goes.
class RemoveWalk {
  public:
    RemoveWalk(DirectoryCursor cursor, std::stop_token stop)
        : cursor_(std::move(cursor)), stop_(std::move(stop)) {}

    Status run() {
        TRY(unlink_files());
        while (!levels_.empty()) {
            TRY(step());
        }
        return kept_ ? Status(fail(*kept_)) : Status{};
    }

  private:
    Status step() {
        auto& directories = levels_.back();
        if (!directories.empty()) {
            if (auto entered = cursor_.enter(directories.back()); !entered) {
                keep(std::move(entered).error());
                directories.pop_back();
                return {};
            }
            return unlink_files();
        }
        levels_.pop_back();
        if (levels_.empty()) {
            return {};
        }
        TRY(cursor_.leave());
        const std::string emptied = std::move(levels_.back().back());
        levels_.back().pop_back();
        if (auto removed = remove_empty_directory(cursor_.fd(), emptied); !removed) {
            keep(std::move(removed).error());
        }
        return {};
    }

    Status unlink_files() {
        auto& directories = levels_.emplace_back();
        auto listed = for_each_entry(cursor_.fd(), [&](const char* name, unsigned char) -> Status {
            if (stop_.stop_requested()) {
                return fail(ErrorCode::canceled, "removal stopped");
            }
            auto unlinked = unlink_unless_directory(cursor_.fd(), name);
            if (!unlinked) {
                keep(std::move(unlinked).error());
            } else if (*unlinked == Unlinked::is_directory) {
                directories.emplace_back(name);
            }
            return {};
        });
        if (!listed && listed.error().code != ErrorCode::canceled) {
            keep(std::move(listed).error()); // what was not listed cannot be removed
            return {};
        }
        return listed;
    }

    // The first reason is the one to tell: later ones, ENOTEMPTY above all, follow from it.
    void keep(Error error) {
        if (!kept_) {
            kept_ = std::move(error);
        }
    }

    DirectoryCursor cursor_;
    const std::stop_token stop_;
    // Per level the directories that still exist; the last of each but the deepest level is the
    // one that the cursor is in.
    std::vector<std::vector<std::string>> levels_;
    std::optional<Error> kept_;
};

} // namespace

Status remove_tree(int parent, const std::string& name, const std::stop_token& stop) {
    TRY_ASSIGN(const auto unlinked, unlink_unless_directory(parent, name.c_str()));
    if (unlinked == Unlinked::gone) {
        return {};
    }
    TRY_ASSIGN(auto cursor, DirectoryCursor::open(parent, name));
    TRY(RemoveWalk(std::move(cursor), stop).run());
    return remove_empty_directory(parent, name);
}

Status remove_contents(int directory) {
    TRY_ASSIGN(auto cursor, DirectoryCursor::open(directory, "."));
    return RemoveWalk(std::move(cursor), {}).run();
}

} // namespace lamina
