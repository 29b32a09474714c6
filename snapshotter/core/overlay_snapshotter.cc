// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/overlay_snapshotter.h"

#include <fmt/format.h>

#include "snapshotter/core/collect_orphans.h"
#include "snapshotter/core/filter.h"
#include "snapshotter/core/id_map.h"
#include "snapshotter/core/labels.h"
#include "snapshotter/core/overlay_parts.h"
#include "snapshotter/core/rebase_record.h"
#include "snapshotter/core/staged_snapshot.h"
#include "snapshotter/core/store_value.h"
#include "snapshotter/core/support_check.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

Timestamp now() {
    return std::chrono::system_clock::now();
}

Status check_name(const std::string& name) {
    if (name.empty()) {
        return fail(ErrorCode::invalid_argument, "a snapshot needs a key or name");
    }
    return {};
}

// The upper directory belongs to the container's root if ids are mapped, else to whom the nearest
// parent's belongs; the mode is not inherited (containerd's overlay snapshotter).
Status set_upper_owner(StagedSnapshot& staged, const Labels& labels, const Layout& layout,
                       const std::vector<LowerTree>& lowers) {
    TRY_ASSIGN(auto owner, mapped_root(labels));
    if (!owner && !lowers.empty()) {
        TRY_ASSIGN(owner, owner_of(layout.upper(lowers.front().id)));
    }
    return owner ? staged.set_owner(*owner) : Status{};
}

Result<MountPolicy> mount_policy(const OverlayOptions& options, const Layout& layout) {
    MountPolicy policy{options.mount_options, options.remap_ids};
    TRY_ASSIGN(policy.userxattr, needs_userxattr(layout));
    TRY(check_overlay_support(layout, policy.userxattr, options.mount_options));
    policy.index_off = kernel_has_index_option(); // known once the check has loaded the module
    return policy;
}

} // namespace

OverlaySnapshotter::OverlaySnapshotter(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
OverlaySnapshotter::~OverlaySnapshotter() = default;

Result<std::unique_ptr<OverlaySnapshotter>>
OverlaySnapshotter::open(OverlayOptions options, std::unique_ptr<MetadataStore> store) {
    TRY_ASSIGN(auto layout, Layout::open(options.root));
    TRY(check_store_is_current(layout, *store));
    TRY_ASSIGN(auto policy, mount_policy(options, layout));
    auto parts =
        std::make_unique<Parts>(options, std::move(policy), std::move(layout), std::move(store));
    TRY(parts->trash.take_leftovers());
    TRY(parts->trash.take_all(parts->layout.staging()));
    TRY(collect_orphans(parts->layout, *parts->store, parts->trash));
    TRY(parts->flat_jobs.resume());
    return std::unique_ptr<OverlaySnapshotter>(new OverlaySnapshotter(std::move(parts)));
}

Result<Mounts> OverlaySnapshotter::prepare(const std::string& key, const std::string& parent,
                                           const Labels& labels) {
    return create(Kind::active, key, parent, labels);
}

Result<Mounts> OverlaySnapshotter::view(const std::string& key, const std::string& parent,
                                        const Labels& labels) {
    return create(Kind::view, key, parent, labels);
}

Result<Mounts> OverlaySnapshotter::create(Kind kind, const std::string& key,
                                          const std::string& parent, const Labels& labels) {
    TRY(check_name(key));
    TRY_ASSIGN(const auto kept, checked_labels(labels));
    NewSnapshot snapshot{kind, key, parent, kept, now(), {}};
    snapshot.mounts = freeze_mounts(snapshot, parts_->policy);
    const Layout& layout = parts_->layout;
    parts_->wait_for_flat_tree(snapshot);
    TRY_ASSIGN(auto staged, StagedSnapshot::make(layout, kind));
    std::optional<SnapshotId> settled;
    auto mounts = write_value(*parts_->store, [&](WriteTransaction& transaction) -> Result<Mounts> {
        TRY_ASSIGN(const auto record, transaction.create(snapshot));
        TRY_ASSIGN(const auto lowers, transaction.lowers(record.id));
        TRY(set_upper_owner(staged, kept, layout, lowers));
        TRY(staged.publish(record.id, parts_->trash));
        transaction.on_rollback([&staged, id = record.id] { staged.withdraw(id); });
        transaction.sync_before_commit(layout.snapshots());
        settled = lowers.empty() ? std::nullopt : std::optional(lowers.front().id);
        return plan_mounts(layout, record, snapshot.mounts, lowers);
    });
    if (settled) {
        parts_->flat_jobs.cancel(*settled);
    }
    return mounts;
}

Result<Mounts> OverlaySnapshotter::mounts(const std::string& key) {
    return read_value(*parts_->store, [&](ReadTransaction& transaction) -> Result<Mounts> {
        TRY_ASSIGN(const auto record, transaction.get(key));
        if (record.info.kind == Kind::committed) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("snapshot {} is committed and has no mounts", key));
        }
        parts_->applied.forget(record.id); // whoever asks may write
        return mounts_of(parts_->layout, record, transaction);
    });
}

Status OverlaySnapshotter::commit(const std::string& name, const std::string& key,
                                  const Labels& labels, const std::string& parent) {
    TRY(check_name(name));
    CommitRequest request{key, name, parent, {}, {}, now()};
    TRY_ASSIGN(request.labels, checked_labels(labels));
    TRY_ASSIGN(const auto lock, parts_->lock_upper(key, &UpperLocks::lock));
    TRY_ASSIGN(request.usage, parts_->settle_tree(request));
    TRY(parts_->record_commit(lock.id(), request));
    parts_->applied.close(lock.id());
    if (auto removed = remove_rebase_record(parts_->layout, lock.id()); !removed) {
        log::warn("a record that is of no more use stays until its snapshot is removed",
                  {{"name", name}, {"error", removed.error().message}});
    }
    return {};
}

Status OverlaySnapshotter::remove(const std::string& key) {
    TRY_ASSIGN(const auto lock, parts_->lock_upper(key, &UpperLocks::interrupt_and_lock));
    TRY(parts_->store->write(
        [&](WriteTransaction& transaction) { return transaction.remove(key); }));
    parts_->flat_jobs.cancel(lock.id());
    parts_->applied.remove(lock.id());
    // The snapshot is gone; a directory that stays is collected by cleanup() or the next start.
    const std::string directory = std::to_string(lock.id());
    if (auto taken = parts_->trash.take(parts_->layout.snapshots(), directory); !taken) {
        log::warn("cannot move a removed snapshot's directory away",
                  {{"key", key}, {"error", taken.error().message}});
    }
    return {};
}

Result<Info> OverlaySnapshotter::stat(const std::string& key) {
    TRY_ASSIGN(const auto record, parts_->get(key));
    return parts_->shown(record);
}

Result<Info> OverlaySnapshotter::update(const Info& info,
                                        const std::vector<std::string>& field_paths) {
    return write_value(*parts_->store, [&](WriteTransaction& transaction) -> Result<Info> {
        TRY_ASSIGN(const auto current, transaction.get(info.name));
        TRY_ASSIGN(const auto wanted,
                   updated_labels(current.info.labels, info.labels, field_paths));
        TRY_ASSIGN(const auto kept, checked_labels(wanted));
        TRY(transaction.set_labels(info.name, kept, now()));
        TRY_ASSIGN(const auto updated, transaction.get(info.name));
        return parts_->shown(updated);
    });
}

Status OverlaySnapshotter::walk(const std::vector<std::string>& filters,
                                const std::function<Status(const Info&)>& visit) {
    TRY_ASSIGN(const auto filter, Filter::parse(filters));
    std::vector<Info> found; // visited after the transaction, as `visit` may take its time
    TRY(parts_->store->read([&](ReadTransaction& transaction) {
        return transaction.for_each([&](const SnapshotRecord& record) -> Status {
            if (filter.matches(record.info)) {
                found.push_back(parts_->shown(record));
            }
            return {};
        });
    }));
    for (const auto& info : found) {
        TRY(visit(info));
    }
    return {};
}

Result<Usage> OverlaySnapshotter::usage(const std::string& key) {
    TRY_ASSIGN(const auto record, parts_->get(key));
    if (record.info.kind != Kind::active) {
        return record.usage;
    }
    TRY_ASSIGN(const auto upper, open_directory(parts_->layout.upper(record.id)));
    return measure_usage(upper.get());
}

Status OverlaySnapshotter::cleanup() {
    TRY(collect_orphans(parts_->layout, *parts_->store, parts_->trash));
    return parts_->trash.take_leftovers();
}

Result<bool> OverlaySnapshotter::has_snapshot(SnapshotId id) {
    const auto found = read_value(
        *parts_->store, [&](ReadTransaction& transaction) { return transaction.get_by_id(id); });
    if (!found && found.error().code != ErrorCode::not_found) {
        return fail(found.error());
    }
    return found.has_value();
}

size_t OverlaySnapshotter::trash_trees() {
    return parts_->trash.waiting();
}

FlatTreeCounts OverlaySnapshotter::flat_trees() {
    return parts_->flat_jobs.counts();
}

} // namespace lamina
