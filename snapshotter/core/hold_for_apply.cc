// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include <fmt/format.h>

#include "snapshotter/core/apply_hold_state.h"
#include "snapshotter/core/overlay_parts.h"
#include "snapshotter/core/store_value.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

constexpr std::string_view kUpperdir = "upperdir=";

tl::unexpected<Error> not_ours(std::string_view why) {
    return fail(ErrorCode::unimplemented, fmt::format("cannot apply to these mounts: {}", why));
}

// Not unimplemented: containerd would let its own differ write into a tree that must not change.
tl::unexpected<Error> not_writable(SnapshotId id) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot apply to these mounts: snapshot {} is not active", id));
}

// Where the only mount would put files.
std::string upper_of(const Mounts& mounts) {
    if (mounts.size() != 1) {
        return {};
    }
    if (mounts.front().type == "bind") {
        return mounts.front().source;
    }
    for (const auto& option : mounts.front().options) {
        if (option.starts_with(kUpperdir)) {
            return option.substr(kUpperdir.size());
        }
    }
    return {};
}

// BuildKit sets this option of each overlay mount as it needs it for the steps of a build
// (snapshot/snapshotter.go, setRedirectDir). It says nothing of where files go.
Mounts without_redirect_dir(Mounts mounts) {
    for (Mount& mount : mounts) {
        std::erase_if(mount.options,
                      [](const auto& option) { return option.starts_with("redirect_dir="); });
    }
    return mounts;
}

// `mounts` must be our answer to the letter otherwise: more means something that we do not know.
Result<ApplyTarget> target_of(const Layout& layout, SnapshotId id, const Mounts& mounts,
                              ReadTransaction& transaction) {
    const auto record = transaction.get_by_id(id);
    if (!record) {
        return record.error().code == ErrorCode::not_found ? not_writable(id)
                                                           : fail(record.error());
    }
    if (record->info.kind != Kind::active) {
        return not_writable(id);
    }
    TRY_ASSIGN(const auto frozen, transaction.frozen_mounts(id));
    TRY_ASSIGN(const auto lowers, transaction.lowers(id));
    TRY_ASSIGN(const size_t depth, transaction.depth(id));
    if (without_redirect_dir(mounts) !=
        without_redirect_dir(plan_mounts(layout, *record, frozen, lowers))) {
        return not_ours("they are not those of the snapshot " + record->info.name);
    }
    if (!frozen.first_options.empty()) {
        return not_ours("they map ids");
    }
    return ApplyTarget{.id = id,
                       .key = record->info.name,
                       .parent = record->info.parent,
                       .upperdir = layout.upper(id),
                       .lowerdirs = lower_paths(layout, lowers),
                       .depth = depth,
                       .is_overlay = mounts.front().type == "overlay"};
}

} // namespace

Result<ApplyHold> OverlaySnapshotter::hold_for_apply(const Mounts& mounts) {
    const auto id = parts_->layout.id_of_upper(upper_of(mounts));
    if (!id) {
        return not_ours("they are no upper directory of this snapshotter");
    }
    auto lock = parts_->locks.try_lock(*id);
    if (!lock) {
        return fail(ErrorCode::failed_precondition,
                    fmt::format("snapshot {} is in use by another call", *id));
    }
    auto target = read_value(*parts_->store, [&](ReadTransaction& transaction) {
        return target_of(parts_->layout, *id, mounts, transaction);
    });
    TRY(target);
    TRY(parts_->applied.check_whole(*id));
    TRY_ASSIGN(const bool empty, is_empty_directory(target->upperdir));
    if (empty) {
        parts_->applied.begin(*id);
    } else if (target->is_overlay && target->lowerdirs.empty()) {
        // What commit() must do would be that of two layers.
        return fail(ErrorCode::failed_precondition,
                    fmt::format("snapshot {} holds a layer already", *id));
    } else {
        parts_->applied.forget(*id); // the Apply will not count what is there already
    }
    return ApplyHold(std::make_shared<ApplyHold::State>(ApplyHold::State{
        *std::move(target), *std::move(lock), parts_->layout, parts_->applied, parts_->trash}));
}

} // namespace lamina
