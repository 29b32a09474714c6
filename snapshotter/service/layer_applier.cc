// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/layer_applier.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/log.h"
#include "unpacker/layer/rebase_layer.h"

namespace lamina {
namespace {

// What containerd's namespaces consist of (pkg/identifiers).
bool is_in_identifier(char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '.' || byte == '_' ||
           byte == '-';
}

// containerd 1.7 sends no namespace to a proxy, but its metadata layer begins each key with it:
// "<namespace>/<number>/<client's key>" (core/metadata/snapshot.go, createKey).
std::string namespace_of(const LayerToApply& layer, const std::string& key) {
    std::string name = layer.containerd_namespace.empty() ? key.substr(0, key.find('/'))
                                                          : layer.containerd_namespace;
    // gRPC aborts on a header that HTTP/2 cannot carry; a client of ours may choose any key.
    return std::ranges::all_of(name, is_in_identifier) ? name : std::string();
}

// What the client calls the parent, without what containerd's metadata layer puts before it.
std::string client_name(const std::string& name) {
    const size_t first = name.find('/');
    const size_t second = first == std::string::npos ? first : name.find('/', first + 1);
    return second == std::string::npos ? std::string() : name.substr(second + 1);
}

// Brings the staged layer to where it belongs. After an error it can be thrown away: nothing has
// changed below `target`.
Status settle(StagedLayer& staged, ApplyHold& hold) {
    TRY_ASSIGN(const RebaseChange change,
               rebase_layer(staged.tree.fd(), staged.report.rebase, hold.target().lowerdirs));
    staged.report.usage.inodes += change.added.inodes;
    staged.report.usage.size_bytes += change.added.size_bytes;
    staged.report.whiteouts += change.whiteouts;
    staged.report.rebase = {};
    return hold.adopt(staged.tree);
}

UnpackTarget unpack_target(const ApplyTarget& target) {
    return {.root = target.upperdir,
            .whiteouts = target.is_overlay ? WhiteoutMode::overlay : WhiteoutMode::delete_in_place,
            .lowerdirs = target.lowerdirs};
}

// Microseconds are all that a reader of the log can use.
std::string rounded(double seconds) {
    return fmt::format("{:.6f}", seconds);
}

// Where the time went: what each stage did, and how long it waited at its queues.
void add_times(std::vector<log::Field>& fields, const StageTimes& times) {
    struct Named {
        std::string_view seconds, in_wait, out_wait;
        StageTime time;
    };
    const std::array stages{
        Named{"read_seconds", "", "read_out_wait", times.read},
        Named{"decode_seconds", "decode_in_wait", "decode_out_wait", times.decode},
        Named{"hash_seconds", "hash_in_wait", "", times.hash},
        Named{"parse_seconds", "parse_in_wait", "parse_out_wait", times.parse},
        Named{"write_seconds", "write_in_wait", "", times.write}};
    for (const Named& stage : stages) {
        fields.emplace_back(stage.seconds, rounded(stage.time.busy));
        if (!stage.in_wait.empty()) {
            fields.emplace_back(stage.in_wait, rounded(stage.time.awaiting_input));
        }
        if (!stage.out_wait.empty()) {
            fields.emplace_back(stage.out_wait, rounded(stage.time.awaiting_output));
        }
    }
}

void log_applied(const LayerToApply& layer, const std::string& key, const UnpackReport& report,
                 bool was_staged) {
    std::vector<log::Field> fields{{"digest", layer.digest},
                                   {"diff_id", report.diff_id.text()},
                                   {"key", key},
                                   {"media_type", layer.media_type},
                                   {"bytes", report.blob_bytes},
                                   {"uncompressed_bytes", report.uncompressed_bytes},
                                   {"entries", report.entries},
                                   {"seconds", rounded(report.times.total_seconds)}};
    if (was_staged) { // so the times are not this Apply's
        fields.emplace_back("staged", "true");
    }
    add_times(fields, report.times);
    log::write(log::Level::info, "apply layer", fields);
}

// UNIMPLEMENTED would send containerd to its next differ, which is right only before anything is
// touched: what a filesystem cannot do (EOPNOTSUPP) is no reason to unpack once more.
Error final_error(Error error) {
    if (error.code == ErrorCode::unimplemented) {
        error.code = ErrorCode::internal;
    }
    return error;
}

void log_failed(const LayerToApply& layer, const std::string& key, const Error& error) {
    log::info(fmt::format("apply layer failed: {}", error.message),
              {{"digest", layer.digest}, {"key", key}, {"media_type", layer.media_type}});
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

    const auto filled = fill(layer, digest, encoding, hold, either.get_token());
    if (!filled) {
        log_failed(layer, hold.target().key, filled.error());
        return fail(final_error(filled.error()));
    }
    const UnpackReport& report = filled->report;
    TRY(hold.succeed(
        {.usage = report.usage, .whiteouts = report.whiteouts, .rebase = report.rebase}));
    log_applied(layer, hold.target().key, report, filled->was_staged);
    return AppliedLayer{report.diff_id, report.uncompressed_bytes};
}

Result<LayerApplier::Filled> LayerApplier::fill(const LayerToApply& layer, const Digest& digest,
                                                Encoding encoding, ApplyHold& hold,
                                                const std::stop_token& stop) {
    Lookahead::Visit visit = enter(layer, digest, hold.target());
    if (auto staged = visit.take(static_cast<uint64_t>(layer.size), encoding, stop)) {
        if (auto settled = settle(*staged, hold)) {
            visit.succeed(staged->report.diff_id);
            return Filled{std::move(staged->report), true};
        } else {
            log::info("a staged layer is not used",
                      {{"digest", layer.digest}, {"error", settled.error().message}});
        }
    }
    TRY_ASSIGN(UnpackReport report, unpack(layer, digest, encoding, hold, stop));
    visit.succeed(report.diff_id);
    return Filled{std::move(report), false};
}

// A layer whose parents are not known yet (rebase) has no place in an image. The base layer of the
// same image looks like any other's.
Lookahead::Visit LayerApplier::enter(const LayerToApply& layer, const Digest& digest,
                                     const ApplyTarget& target) {
    const std::string parent_chain_id = client_name(target.parent);
    const bool is_base = target.lowerdirs.empty() && !target.is_overlay;
    const bool is_upper = !target.lowerdirs.empty() && Digest::parse(parent_chain_id);
    // A staged tree is on the disk before it is finished and moved, but not after.
    if (lookahead_ == nullptr || layer.sync_filesystem) {
        return {};
    }
    if (target.lowerdirs.empty() && target.is_overlay) {
        lookahead_->keep_off(namespace_of(layer, target.key), digest);
    }
    if (!is_base && !is_upper) {
        return {};
    }
    return lookahead_->enter({namespace_of(layer, target.key), parent_chain_id, digest},
                             target.lowerdirs.size());
}

Result<UnpackReport> LayerApplier::unpack(const LayerToApply& layer, const Digest& digest,
                                          Encoding encoding, ApplyHold& hold,
                                          const std::stop_token& stop) {
    const ApplyTarget& target = hold.target();
    TRY_ASSIGN(UnpackSlots::Slot slot, slots_.take(static_cast<uint64_t>(layer.size), stop));
    TRY_ASSIGN(auto blob, parts_.open_blob(namespace_of(layer, target.key), digest,
                                           static_cast<uint64_t>(layer.size), stop));
    // Opened before the first write, or syncfs(2) could miss an error of writeback.
    TRY_ASSIGN(Fd upper, open_directory(target.upperdir));
    auto report = parts_.unpack(*blob, encoding, unpack_target(target), stop);
    if (report && layer.sync_filesystem && ::syncfs(upper.get()) != 0) {
        report = fail(errno_error("syncfs", target.upperdir));
    }
    if (!report) {
        discard(hold, layer);
    }
    return report;
}

} // namespace lamina
