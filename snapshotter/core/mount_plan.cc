// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/mount_plan.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "snapshotter/core/labels.h"
#include "snapshotter/core/name_parts.h"

namespace lamina {
namespace {

bool sets_index(const std::string& option) {
    return option == "index" || option.starts_with("index=");
}

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

Mount bind_mount(std::string source, const FrozenMounts& frozen, std::string access) {
    Mount mount{"bind", std::move(source), "", frozen.first_options};
    append(mount.options, {std::move(access), "rbind"});
    return mount;
}

Mount overlay_mount(const FrozenMounts& frozen, const std::vector<std::string>& directories) {
    Mount mount{"overlay", "overlay", "", frozen.first_options};
    append(mount.options, directories);
    append(mount.options, frozen.last_options);
    return mount;
}

std::string lowerdir_option(const Layout& layout, const std::vector<LowerTree>& lowers) {
    if (lowers.empty()) {
        return "lowerdir=" + layout.empty_lower();
    }
    return fmt::format("lowerdir={}", fmt::join(lower_paths(layout, lowers), ":"));
}

Mount view_mount(const Layout& layout, SnapshotId id, const FrozenMounts& frozen,
                 const std::vector<LowerTree>& lowers) {
    if (lowers.size() >= 2) {
        return overlay_mount(frozen, {lowerdir_option(layout, lowers)});
    }
    return bind_mount(lowers.empty() ? layout.upper(id) : layout.lower(lowers.front()), frozen,
                      "ro");
}

Mount active_mount(const Layout& layout, SnapshotId id, const FrozenMounts& frozen,
                   const std::vector<LowerTree>& lowers) {
    if (lowers.empty() && !frozen.overlay_without_parent) {
        return bind_mount(layout.upper(id), frozen, "rw");
    }
    return overlay_mount(frozen, {"workdir=" + layout.work(id), "upperdir=" + layout.upper(id),
                                  lowerdir_option(layout, lowers)});
}

} // namespace

bool is_extract_key(std::string_view key) {
    return client_key_in(key).starts_with("extract-");
}

bool is_rebase_candidate(const NewSnapshot& snapshot) {
    const auto has = [&](std::string_view key) {
        return !label_value(snapshot.labels, key).empty();
    };
    if (snapshot.kind != Kind::active || !snapshot.parent.empty() ||
        !is_extract_key(snapshot.key) || !has(label::kSnapshotRef)) {
        return false;
    }
    // From 2.3 on, every layer has a diff-id and all but the first a parent-chain-id. 2.2 tells
    // neither, so that any layer may be one that gets its parent at commit.
    return has(label::kParentChainId) || !has(label::kDiffId);
}

FrozenMounts freeze_mounts(const NewSnapshot& snapshot, const MountPolicy& policy) {
    FrozenMounts frozen;
    frozen.overlay_without_parent = is_rebase_candidate(snapshot);
    if (policy.remap_ids) {
        for (const auto& [option, key] :
             {std::pair{"uidmap=", label::kUidMapping}, std::pair{"gidmap=", label::kGidMapping}}) {
            if (const auto mapping = label_value(snapshot.labels, key); !mapping.empty()) {
                frozen.first_options.push_back(option + mapping);
            }
        }
    }
    frozen.last_options = policy.mount_options;
    if (policy.userxattr) {
        frozen.last_options.push_back("userxattr");
    }
    if (policy.index_off &&
        std::none_of(policy.mount_options.begin(), policy.mount_options.end(), sets_index)) {
        frozen.last_options.push_back("index=off");
    }
    return frozen;
}

std::vector<std::string> lower_paths(const Layout& layout, const std::vector<LowerTree>& lowers) {
    std::vector<std::string> paths;
    for (const LowerTree& tree : lowers) {
        paths.push_back(layout.lower(tree));
    }
    return paths;
}

Mounts plan_mounts(const Layout& layout, const SnapshotRecord& record, const FrozenMounts& frozen,
                   const std::vector<LowerTree>& lowers) {
    if (record.info.kind == Kind::view) {
        return {view_mount(layout, record.id, frozen, lowers)};
    }
    return {active_mount(layout, record.id, frozen, lowers)};
}

} // namespace lamina
