// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/layer_applier.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "snapshotter/core/name_parts.h"
#include "snapshotter/service/apply_log.h"
#include "unpacker/base/fd.h"
#include "unpacker/base/log.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/layer/rebase_layer.h"

namespace lamina {
namespace {

// What containerd's namespaces consist of (pkg/identifiers).
bool is_in_identifier(char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '.' || byte == '_' ||
           byte == '-';
}

// containerd 1.7 sends no namespace to a proxy, but what it calls the snapshot begins with one.
std::string namespace_of(const LayerToApply& layer, const std::string& key) {
    const std::string name = layer.containerd_namespace.empty() ? std::string(namespace_in(key))
                                                                : layer.containerd_namespace;
    // gRPC aborts on a header that HTTP/2 cannot carry; a client of ours may choose any key.
    return std::ranges::all_of(name, is_in_identifier) ? name : std::string();
}

// Brings a layer that was made without its parents to where it belongs. After an error it can be
// thrown away: nothing has changed below `target`. Without lowerdirs the work is left to Commit.
Status settle(StagedLayer& staged, ApplyHold& hold) {
    const std::vector<std::string>& lowerdirs = hold.target().lowerdirs;
    if (!lowerdirs.empty()) {
        staged.report.is_indexed = staged.report.is_indexed && staged.report.rebase.empty();
        TRY_ASSIGN(const RebaseChange change,
                   rebase_layer(staged.tree.fd(), staged.report.rebase, lowerdirs));
        staged.report.usage.inodes += change.added.inodes;
        staged.report.usage.size_bytes += change.added.size_bytes;
        staged.report.whiteouts += change.whiteouts;
        staged.report.rebase = {};
    }
    return hold.adopt(staged.tree);
}

UnpackTarget unpack_target(ApplyHold& hold) {
    const ApplyTarget& target = hold.target();
    return {.root = target.upperdir,
            .whiteouts = target.is_overlay ? WhiteoutMode::overlay : WhiteoutMode::delete_in_place,
            .lowerdirs = target.lowerdirs,
            .index = hold.index_file()};
}

// UNIMPLEMENTED would send containerd to its next differ, which is right only before anything is
// touched: what a filesystem cannot do (EOPNOTSUPP) is no reason to unpack once more.
Error final_error(Error error) {
    if (error.code == ErrorCode::unimplemented) {
        error.code = ErrorCode::internal;
    }
    return error;
}

// The layer's own error is the one to report. That its remains could not be removed is for the log:
// containerd removes the snapshot of a failed Apply.
void discard(ApplyHold& hold, const LayerToApply& layer) {
    if (auto discarded = hold.discard(); !discarded) {
        log::error(fmt::format("discard layer failed: {}", discarded.error().message),
                   {{"digest", layer.digest}, {"key", hold.target().key}});
    }
}

// Blobs named by another algorithm than sha256 exist, and containerd's own differ reads them.
Result<Digest> digest_of(const LayerToApply& layer) {
    auto digest = Digest::parse(layer.digest);
    const bool is_other_algorithm =
        layer.digest.find(':') != std::string::npos && !layer.digest.starts_with("sha256:");
    if (!digest && is_other_algorithm) {
        return fail(ErrorCode::unimplemented, digest.error().message);
    }
    return digest;
}

} // namespace

Result<AppliedLayer> LayerApplier::apply(const LayerToApply& layer, const std::stop_token& stop) {
    TRY_ASSIGN(Encoding encoding, encoding_of_media_type(layer.media_type));
    TRY_ASSIGN(ApplyHold hold, parts_.hold(layer.mounts));
    TRY_ASSIGN(Digest digest, digest_of(layer));
    if (layer.size < 0) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("layer {} has a size of {}", layer.digest, layer.size));
    }

    std::stop_source either;
    auto request_stop = [&either] { either.request_stop(); };
    std::stop_callback on_caller(stop, request_stop);
    std::stop_callback on_removal(hold.stop_token(), request_stop);

    const std::stop_token stop_token = either.get_token();
    const Task task{layer, digest, encoding, hold, stop_token};
    const auto filled = fill_and_record(task);
    if (!filled) {
        log_failed(layer, hold.target().key, filled.error());
        return fail(final_error(filled.error()));
    }
    const UnpackReport& report = filled->report;
    log_applied(layer, hold.target().key, report, filled->origin);
    parts_.on_applied(report);
    return AppliedLayer{report.diff_id, report.uncompressed_bytes};
}

Result<LayerApplier::Filled> LayerApplier::fill_and_record(const Task& task) {
    TRY_ASSIGN(Filled filled, fill(task));
    const UnpackReport& report = filled.report;
    TRY(task.hold.succeed({.usage = report.usage,
                           .whiteouts = report.whiteouts,
                           .rebase = report.rebase,
                           .is_on_disk = task.layer.sync_filesystem,
                           .is_indexed = report.is_indexed}));
    return filled;
}

Result<LayerApplier::Filled> LayerApplier::fill(const Task& task) {
    Lookahead::Visit visit = enter(task);
    const auto size = static_cast<uint64_t>(task.layer.size);
    if (auto staged = visit.take(size, task.encoding, task.stop)) {
        if (auto settled = settle(*staged, task.hold)) {
            visit.use();
            visit.succeed(staged->report.diff_id);
            return Filled{std::move(staged->report), LayerOrigin::staged};
        } else {
            log::info("a staged layer is not used",
                      {{"digest", task.layer.digest}, {"error", settled.error().message}});
        }
    }
    TRY_ASSIGN(Filled filled, unpack_once(task));
    visit.succeed(filled.report.diff_id);
    return filled;
}

// A layer whose parents are not known yet (rebase) has no place in an image. The base layer of the
// same image looks like any other's.
Lookahead::Visit LayerApplier::enter(const Task& task) {
    const ApplyTarget& target = task.hold.target();
    const std::string parent_chain_id(client_key_in(target.parent));
    const bool is_base = target.lowerdirs.empty() && !target.is_overlay;
    const bool is_upper = !target.lowerdirs.empty() && Digest::parse(parent_chain_id);
    // A staged tree is on the disk before it is finished and moved, but not after.
    if (lookahead_ == nullptr || task.layer.sync_filesystem) {
        return {};
    }
    const std::string containerd_namespace = namespace_of(task.layer, target.key);
    if (target.lowerdirs.empty() && target.is_overlay) {
        lookahead_->keep_off(containerd_namespace, task.digest, target.key);
    }
    if (!is_base && !is_upper) {
        return {};
    }
    return lookahead_->enter(
        {{containerd_namespace, parent_chain_id, task.digest}, target.depth, target.id});
}

Result<UnpackReport> LayerApplier::unpack(const Task& task) {
    const ApplyTarget& target = task.hold.target();
    TRY_ASSIGN(UnpackSlots::Slot slot,
               slots_.take(static_cast<uint64_t>(task.layer.size), task.stop));
    TRY_ASSIGN(auto blob, parts_.open_blob(namespace_of(task.layer, target.key), task.digest,
                                           static_cast<uint64_t>(task.layer.size), task.stop));
    // Opened before the first write, or syncfs(2) could miss an error of writeback.
    TRY_ASSIGN(Fd upper, open_directory(target.upperdir));
    auto report = parts_.unpack(*blob, task.encoding, unpack_target(task.hold), task.stop);
    if (report && task.layer.sync_filesystem) {
        if (auto synced = parts_.sync(upper.get()); !synced) {
            report = fail(with_context(target.upperdir, synced.error()));
        }
    }
    if (!report) {
        discard(task.hold, task.layer);
    }
    return report;
}

// --- One unpack for many ---

// A clone is no way to a blob that the caller's namespace does not have.
bool LayerApplier::may_share(const Task& task) {
    return shared_ != nullptr && task.hold.check_untouched() &&
           parts_.has_blob(namespace_of(task.layer, task.hold.target().key), task.digest,
                           static_cast<uint64_t>(task.layer.size), task.stop);
}

SharedUnpacks::Key LayerApplier::key_of(const Task& task) {
    return {task.digest, static_cast<uint64_t>(task.layer.size), task.encoding,
            task.hold.target().is_overlay};
}

// Where sharing fails on the way, the layer is unpacked as if there were no others.
Result<LayerApplier::Filled> LayerApplier::unpack_once(const Task& task) {
    const unsigned attempts = may_share(task) ? kCloneAttemptsMax : 0;
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        TRY_ASSIGN(SharedUnpacks::Turn turn, shared_->join(key_of(task), task.stop));
        if (turn.leads()) {
            TRY_ASSIGN(UnpackReport report, unpack_for_all(task, turn));
            return Filled{std::move(report), LayerOrigin::unpacked};
        }
        if (turn.layer() == nullptr) {
            break;
        }
        auto cloned = clone(task, *turn.layer());
        if (cloned) {
            return Filled{*std::move(cloned), LayerOrigin::cloned};
        }
        if (task.stop.stop_requested()) {
            return fail(std::move(cloned).error());
        }
        log::info("a shared layer is not used",
                  {{"digest", task.layer.digest}, {"error", cloned.error().message}});
        if (turn.layer()->tree.is_untouched()) {
            break; // the reason is here, and another layer would not help
        }
        turn.reject();
    }
    TRY_ASSIGN(UnpackReport report, unpack(task));
    return Filled{std::move(report), LayerOrigin::unpacked};
}

Result<UnpackReport> LayerApplier::unpack_for_all(const Task& task, SharedUnpacks::Turn& turn) {
    TRY_ASSIGN(UnpackReport report, unpack(task));
    UnpackReport to_share = report;
    if (!task.hold.target().lowerdirs.empty()) {
        to_share.rebase = std::exchange(to_share.rebased, {});
    }
    // The names that an opaque root hides are those of the layers below this one.
    auto tree = task.hold.share();
    if (tree && !to_share.rebase.root_is_opaque) {
        turn.offer({*std::move(tree), std::move(to_share)});
    } else {
        turn.withhold();
    }
    return report;
}

// Into a directory beside the snapshot, which is exchanged for the upper directory when the clone
// has proven good, so that nothing has to be taken back.
Result<UnpackReport> LayerApplier::clone(const Task& task, const SharedLayer& layer) {
    TRY_ASSIGN(UnpackSlots::Slot slot,
               slots_.take(static_cast<uint64_t>(task.layer.size), task.stop));
    const Stopwatch watch;
    TRY_ASSIGN(StagedTree tree, parts_.make_tree());
    StagedLayer made{std::move(tree), layer.report};
    made.report.is_indexed = false; // that is the file of the one who unpacked
    TRY_ASSIGN(made.report.usage,
               parts_.clone(layer.tree.fd(), layer.report.rebase, made.tree.fd(), task.stop));
    if (!layer.tree.is_untouched()) {
        return fail(ErrorCode::aborted, "the layer changed while it was cloned");
    }
    TRY(settle(made, task.hold));
    const bool is_durable = parts_.durability == Durability::layer || task.layer.sync_filesystem;
    if (is_durable) {
        if (auto synced = parts_.sync(made.tree.fd()); !synced) {
            discard(task.hold, task.layer);
            return fail(with_context("clone", synced.error()));
        }
    }
    made.report.times = {};
    made.report.times.total_seconds = watch.seconds();
    return std::move(made.report);
}

} // namespace lamina
