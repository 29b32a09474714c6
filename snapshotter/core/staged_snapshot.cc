// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/staged_snapshot.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/log.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {

Result<StagedSnapshot> StagedSnapshot::make(const Layout& layout, Kind kind) {
    StagedSnapshot staged(layout, Layout::fresh_name("new"));
    TRY(make_directory(layout.staging(), staged.name_, 0700));
    TRY(make_directory(layout.staging(), staged.name_ + "/fs", 0755));
    if (kind == Kind::active) {
        TRY(make_directory(layout.staging(), staged.name_ + "/work", 0711));
    }
    return staged;
}

StagedSnapshot::StagedSnapshot(StagedSnapshot&& other) noexcept
    : layout_(other.layout_), name_(std::exchange(other.name_, {})) {}

StagedSnapshot::~StagedSnapshot() {
    if (name_.empty()) {
        return;
    }
    // Tiny: three empty directories. What stays is collected at the next start.
    if (auto removed = remove_tree(layout_->staging(), name_); !removed) {
        log::warn("cannot remove staged snapshot", {{"error", removed.error().message}});
    }
}

Status StagedSnapshot::set_owner(const Owner& owner) {
    const std::string fs = name_ + "/fs";
    if (::fchownat(layout_->staging(), fs.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) !=
        0) {
        return fail(errno_error("chown", fs));
    }
    return {};
}

Status StagedSnapshot::publish(SnapshotId id, Trash& trash) {
    const std::string published = std::to_string(id);
    auto moved = move_to(published);
    if (!moved && moved.error().sys_errno == EEXIST) {
        // The id was new, so no record can own that directory: a rolled-back transaction, whose id
        // comes back (AUTOINCREMENT undoes its count too), could not take it away.
        TRY(trash.take(layout_->snapshots(), published));
        moved = move_to(published);
    }
    if (!moved) { // EEXIST would tell containerd that its key is in use
        Error error = std::move(moved).error();
        error.code = error.sys_errno == EEXIST ? ErrorCode::internal : error.code;
        return fail(std::move(error));
    }
    name_.clear();
    return {};
}

Status StagedSnapshot::move_to(const std::string& published) {
    // NOREPLACE: rename(2) would silently replace an empty directory.
    if (::renameat2(layout_->staging(), name_.c_str(), layout_->snapshots(), published.c_str(),
                    RENAME_NOREPLACE) != 0) {
        return fail(errno_error("rename", "snapshots/" + published));
    }
    return {};
}

void StagedSnapshot::withdraw(SnapshotId id) {
    const std::string published = std::to_string(id);
    std::string name = Layout::fresh_name("new");
    if (::renameat(layout_->snapshots(), published.c_str(), layout_->staging(), name.c_str()) ==
        0) {
        name_ = std::move(name);
        return;
    }
    log::error("cannot take back a directory without snapshot",
               {{"error", errno_error("rename", "snapshots/" + published).message}});
}

Result<Owner> owner_of(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) {
        return fail(errno_error("lstat", path));
    }
    return Owner{status.st_uid, status.st_gid};
}

} // namespace lamina
