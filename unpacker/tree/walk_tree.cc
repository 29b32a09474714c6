// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/walk_tree.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

class TreeWalk {
  public:
    using Visit = std::function<Status(int, const char*, const struct stat&)>;

    TreeWalk(DirectoryCursor cursor, const Visit& visit)
        : cursor_(std::move(cursor)), visit_(visit) {}

    Status run() {
        TRY(list());
        while (!pending_.empty()) {
            TRY(step());
        }
        return {};
    }

  private:
    // Goes into the next directory that waits at this level, or one level up.
    Status step() {
        if (pending_.back().empty()) {
            pending_.pop_back();
            return pending_.empty() ? Status{} : cursor_.leave();
        }
        const std::string name = std::move(pending_.back().back());
        pending_.back().pop_back();
        const auto entered = cursor_.enter(name);
        if (!entered) {
            return gone_or_elsewhere(entered.error()) ? Status{} : entered;
        }
        return list();
    }

    // Vanished, replaced by something else, or a bind mount: nothing of this tree.
    static bool gone_or_elsewhere(const Error& error) {
        const int e = error.sys_errno;
        return e == ENOENT || e == ENOTDIR || e == ELOOP || e == EXDEV;
    }

    Status list() {
        auto& directories = pending_.emplace_back();
        return for_each_entry(cursor_.fd(), [&](const char* name, unsigned char) -> Status {
            struct stat status{};
            if (::fstatat(cursor_.fd(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                return errno == ENOENT ? Status{} : fail(errno_error("fstatat", name));
            }
            if (status.st_dev != cursor_.device()) {
                return {};
            }
            TRY(visit_(cursor_.fd(), name, status));
            if (S_ISDIR(status.st_mode)) {
                directories.emplace_back(name);
            }
            return {};
        });
    }

    DirectoryCursor cursor_;
    const Visit& visit_;
    std::vector<std::vector<std::string>> pending_; // per level, directories not yet entered
};

} // namespace

Status walk_tree(int directory,
                 const std::function<Status(int, const char*, const struct stat&)>& visit) {
    TRY_ASSIGN(auto cursor, DirectoryCursor::open(directory, "."));
    return TreeWalk(std::move(cursor), visit).run();
}

} // namespace lamina
