// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/staged_tree.h"

#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/log.h"

namespace lamina {

Result<StagedTree> StagedTree::make(const Layout& layout, Trash& trash) {
    StagedTree tree(layout, trash, Layout::fresh_name("ahead"));
    TRY(make_directory(layout.staging(), tree.name_, 0755));
    TRY_ASSIGN(tree.fd_, open_directory_at(layout.staging(), tree.name_));
    return tree;
}

StagedTree::StagedTree(StagedTree&& other) noexcept
    : layout_(other.layout_), trash_(other.trash_), name_(std::exchange(other.name_, {})),
      fd_(std::move(other.fd_)), index_(std::move(other.index_)) {}

StagedTree::~StagedTree() {
    if (name_.empty()) {
        return;
    }
    if (auto taken = trash_->take(layout_->staging(), name_); !taken) {
        log::warn("a staged layer stays until the next start",
                  {{"directory", name_}, {"error", taken.error().message}});
    }
}

int StagedTree::index_file() {
    return fd_of_new(index_, *layout_);
}

std::optional<IndexDraft> StagedTree::take_index() {
    return std::move(index_);
}

Status StagedTree::exchange_with_upper(SnapshotId id) {
    const std::string upper = std::to_string(id) + "/fs";
    struct stat status{};
    if (::fstatat(layout_->snapshots(), upper.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", upper));
    }
    // The owner first: a change of it takes setuid and setgid bits away, chown(2).
    if (::fchown(fd_.get(), status.st_uid, status.st_gid) != 0 ||
        ::fchmod(fd_.get(), status.st_mode & 07777U) != 0) {
        return fail(errno_error("chown", name_));
    }
    if (::renameat2(layout_->staging(), name_.c_str(), layout_->snapshots(), upper.c_str(),
                    RENAME_EXCHANGE) != 0) {
        return fail(errno_error("exchange", upper));
    }
    return {};
}

Status StagedTree::publish(int directory, const std::string& name) {
    TRY(trash_->take(directory, name));
    if (::renameat2(layout_->staging(), name_.c_str(), directory, name.c_str(), RENAME_NOREPLACE) !=
        0) {
        return fail(errno_error("rename", name));
    }
    name_.clear();
    return {};
}

void StagedTree::withdraw(int directory, const std::string& name) {
    std::string staged = Layout::fresh_name("late");
    if (::renameat(directory, name.c_str(), layout_->staging(), staged.c_str()) == 0) {
        name_ = std::move(staged);
        return;
    }
    log::error("cannot take back a tree that its snapshot does not know",
               {{"error", errno_error("rename", name).message}});
}

} // namespace lamina
