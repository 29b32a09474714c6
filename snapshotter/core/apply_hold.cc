// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/apply_hold.h"

#include <array>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "snapshotter/core/apply_hold_state.h"
#include "snapshotter/core/rebase_record.h"
#include "snapshotter/core/staged_snapshot.h"
#include "unpacker/base/fd.h"
#include "unpacker/base/log.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

Result<std::string> make_fresh_upper(const Layout& layout, const Owner& owner) {
    std::string fresh = Layout::fresh_name("discard");
    TRY(make_directory(layout.staging(), fresh, 0755));
    if (::fchownat(layout.staging(), fresh.c_str(), owner.uid, owner.gid, 0) != 0) {
        return fail(errno_error("chown", fresh));
    }
    return fresh;
}

// A single step, so that there is no moment without an upper directory, whenever the process ends.
Status exchange_for_fresh(const Layout& layout, Trash& trash, SnapshotId id) {
    TRY_ASSIGN(const auto owner, owner_of(layout.upper(id)));
    TRY_ASSIGN(const auto fresh, make_fresh_upper(layout, owner));
    const std::string upper = std::to_string(id) + "/fs";
    if (::renameat2(layout.staging(), fresh.c_str(), layout.snapshots(), upper.c_str(),
                    RENAME_EXCHANGE) != 0) {
        return fail(errno_error("exchange", upper));
    }
    if (auto taken = trash.take(layout.staging(), fresh); !taken) {
        log::warn("half a layer stays in staging until the next start",
                  {{"directory", fresh}, {"error", taken.error().message}});
    }
    return {};
}

Status remove_attributes(int directory, const std::string& path) {
    std::array<char, XATTR_LIST_MAX> names{};
    const ssize_t size = ::flistxattr(directory, names.data(), names.size());
    if (size < 0) {
        return fail(errno_error("flistxattr", path));
    }
    const char* end = names.data() + size;
    for (const char* name = names.data(); name != end; name += std::strlen(name) + 1) {
        // The host's security modules label each directory; those are not the layer's.
        if (!std::string_view(name).starts_with("security.") &&
            ::fremovexattr(directory, name) != 0) {
            return fail(errno_error("fremovexattr", path));
        }
    }
    return {};
}

bool publish(std::optional<IndexDraft>& index, SnapshotId id) {
    const auto published = index ? index->publish(id) : Status();
    if (!published) {
        log::info("the index of a layer is not kept", {{"error", published.error().message}});
    }
    return index && published;
}

Status empty_in_place(const std::string& upper) {
    TRY_ASSIGN(const auto directory, open_directory(upper));
    TRY(remove_contents(directory.get()));
    TRY(remove_attributes(directory.get(), upper));
    if (::fchmod(directory.get(), 0755) != 0) {
        return fail(errno_error("fchmod", upper));
    }
    return {};
}

} // namespace

ApplyHold::ApplyHold(std::shared_ptr<State> state) : state_(std::move(state)) {}
ApplyHold::ApplyHold(ApplyHold&&) noexcept = default;
ApplyHold& ApplyHold::operator=(ApplyHold&&) noexcept = default;
ApplyHold::~ApplyHold() = default;

const ApplyTarget& ApplyHold::target() const {
    return state_->target;
}

std::stop_token ApplyHold::stop_token() const {
    return state_->lock.stop_token();
}

int ApplyHold::index_file() {
    return fd_of_new(state_->index, state_->layout);
}

Status ApplyHold::succeed(const AppliedTree& done) {
    AppliedTree tree = done;
    const SnapshotId id = state_->lock.id();
    // Before commit() has settled the tree, an index of it would be one of another tree.
    tree.is_indexed = done.is_indexed && done.rebase.empty() && publish(state_->index, id);
    const auto remembered = tree.rebase.empty()
                                ? remove_rebase_record(state_->layout, id)
                                : store_rebase_record(state_->layout, id, tree.rebase);
    if (!remembered) {
        TRY(discard());
        return fail(remembered.error());
    }
    state_->applied.finish(id, tree);
    return {};
}

Status ApplyHold::discard() {
    const SnapshotId id = state_->lock.id();
    state_->applied.forget(id);
    state_->index.reset();
    auto emptied = exchange_for_fresh(state_->layout, state_->trash, id);
    if (!emptied) { // a full disk has no room for another directory, but files can go
        emptied = empty_in_place(state_->layout.upper(id));
    }
    if (emptied) {
        emptied = remove_rebase_record(state_->layout, id);
    }
    if (!emptied) {
        state_->applied.spoil(id);
    }
    return emptied;
}

} // namespace lamina
