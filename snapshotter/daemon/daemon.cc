// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/daemon/daemon.h"

#include <chrono>
#include <cstring>
#include <functional>

#include <fmt/format.h>
#include <unistd.h>

#include "snapshotter/core/overlay_snapshotter.h"
#include "snapshotter/daemon/notify.h"
#include "snapshotter/daemon/socket.h"
#include "snapshotter/metadata/sqlite_store.h"
#include "snapshotter/metrics/metrics.h"
#include "snapshotter/service/blob_store.h"
#include "snapshotter/service/content_client.h"
#include "snapshotter/service/image_layers.h"
#include "snapshotter/service/lookahead.h"
#include "snapshotter/service/server.h"
#include "snapshotter/service/shared_unpacks.h"
#include "unpacker/base/log.h"
#include "unpacker/base/processors.h"
#include "unpacker/layer/clone_layer.h"
#include "unpacker/layer/engine_choice.h"

namespace lamina {
namespace {

OverlayOptions overlay_options(const Config& config) {
    return {.root = config.root,
            .mount_options = config.snapshotter.mount_options,
            .upperdir_label = config.snapshotter.upperdir_label,
            .remap_ids = config.snapshotter.remap_ids,
            .squash = config.squash,
            .sync_trees = config.unpack.durability == Durability::layer,
            .delete_threads = config.snapshotter.delete_threads,
            .delete_when_idle = config.snapshotter.delete_when_idle};
}

using Unpack = std::function<Result<UnpackReport>(BlobSource&, Encoding, const UnpackTarget&,
                                                  const std::stop_token&)>;

LayerApplier::Parts applier_parts(OverlaySnapshotter& snapshotter, BlobStore& blobs,
                                  const Unpack& unpack, const Config& config, Metrics* metrics) {
    return {.hold = [&](const Mounts& mounts) { return snapshotter.hold_for_apply(mounts); },
            .open_blob =
                [&](const std::string& name, const Digest& digest, uint64_t size,
                    const std::stop_token& stop) { return blobs.open(name, digest, size, stop); },
            .unpack = unpack,
            .has_blob =
                [&](const std::string& name, const Digest& digest, uint64_t size,
                    const std::stop_token& stop) { return blobs.has(name, digest, size, stop); },
            .make_tree = [&] { return snapshotter.stage_tree(); },
            .clone =
                [nice = static_cast<int>(config.unpack.nice)](int from, const RebaseWork& work,
                                                              int to, const std::stop_token& stop) {
                    return clone_layer(from, work, to, nice, stop);
                },
            .durability = config.unpack.durability,
            .on_applied =
                [metrics](const UnpackReport& report) {
                    if (metrics != nullptr) {
                        metrics->count(report);
                    }
                }};
}

bool is_active(OverlaySnapshotter& snapshotter, const std::string& key) {
    const auto info = snapshotter.stat(key);
    return info && info->kind == Kind::active;
}

Lookahead::Parts lookahead_parts(OverlaySnapshotter& snapshotter, BlobStore& blobs,
                                 ImageLayers& images, const Unpack& unpack) {
    return {.layers_above =
                [&](const LayerPlace& place, size_t depth, const std::stop_token& stop) {
                    return images.above(place, depth, stop);
                },
            .has_blob =
                [&](const LayerAhead& layer, const std::stop_token& stop) {
                    return blobs.has(layer.place.containerd_namespace, layer.place.blob, layer.size,
                                     stop);
                },
            .open_blob =
                [&](const LayerAhead& layer, const std::stop_token& stop) {
                    return blobs.open(layer.place.containerd_namespace, layer.place.blob,
                                      layer.size, stop);
                },
            .make_tree = [&] { return snapshotter.stage_tree(); },
            .unpack = unpack,
            .free_space = [&] { return snapshotter.free_space(); },
            .is_active = [&](const std::string& key) { return is_active(snapshotter, key); },
            .is_removed =
                [&](SnapshotId id) {
                    const auto is_there = snapshotter.has_snapshot(id);
                    return is_there && !*is_there;
                }};
}

ReadingsSource readings(UnpackSlots& slots, Lookahead& lookahead, OverlaySnapshotter& snapshotter) {
    return [&] {
        const AheadCounts ahead = lookahead.counts();
        const FlatTreeCounts flat = snapshotter.flat_trees();
        return Readings{.applies_waiting = slots.applies_waiting(),
                        .layers_staged = ahead.staged,
                        .layers_used = ahead.used,
                        .layers_wasted = ahead.wasted,
                        .staged_bytes = lookahead.staged_bytes(),
                        .trash_trees = snapshotter.trash_trees(),
                        .flat_trees_made = flat.made,
                        .flat_trees_failed = flat.failed,
                        .flat_tree_bytes = flat.bytes};
    };
}

// Null when no metrics are wanted.
Result<std::unique_ptr<MetricsServer>> serve_metrics(const Metrics* metrics, ReadingsSource source,
                                                     const std::string& address) {
    if (metrics == nullptr) {
        return nullptr;
    }
    TRY_ASSIGN(auto server, MetricsServer::start(*metrics, std::move(source), address));
    const std::string host = address.substr(0, address.find(':'));
    log::info("serving metrics",
              {{"address", fmt::format("http://{}:{}/metrics", host, server->port())}});
    return server;
}

// Tries the engines where layers will be unpacked to.
UnpackOptions unpack_options(const Config& config) {
    const EngineChoice engine = choose_engine(config.unpack.engine, config.root + "/staging");
    log_engine_choice(engine);
    return {.writers = config.unpack.writers,
            .engine = engine.kind,
            .durability = config.unpack.durability,
            .nice = static_cast<int>(config.unpack.nice)};
}

// The daemon serves as well without a service manager that listens.
void notify(std::string_view state) {
    if (auto sent = notify_service_manager(state); !sent) {
        log::warn("cannot tell the service manager", {{"error", sent.error().message}});
    }
}

// Serves on `listener` until a signal comes, then stops.
Status serve(const Config& config, Snapshotter& snapshotter, LayerApplier& applier, Fd listener,
             bool activated, Metrics* metrics, ShutdownSignals& signals) {
    TRY_ASSIGN(auto server, Server::start(snapshotter, applier, std::move(listener),
                                          metrics == nullptr ? nullptr : &metrics->calls()));
    log::info("serving", {{"address", activated ? "socket activation" : config.address},
                          {"root", config.root}});
    notify("READY=1\nSTATUS=Serving");
    int signal = signals.wait();
    log::info("stopping", {{"signal", ::strsignal(signal)}});
    notify("STOPPING=1\nSTATUS=Waiting for running calls");
    if (!activated) {
        // Before the listener closes: containerd retries while there is no socket, but takes one
        // that refuses for a failure (pkg/dialer).
        ::unlink(config.address.c_str());
    }
    server->shutdown(std::chrono::seconds(config.shutdown_seconds));
    return {};
}

} // namespace

Status run_daemon(const Config& config, ShutdownSignals& signals) {
    TRY_ASSIGN(auto store, SqliteStore::open(config.root));
    TRY_ASSIGN(auto snapshotter,
               OverlaySnapshotter::open(overlay_options(config), std::move(store)));
    ContentClient content(config.content.address);
    BlobStore blobs(config.content.root, content);
    const Unpack unpack = [options = unpack_options(config)](BlobSource& blob, Encoding encoding,
                                                             const UnpackTarget& target,
                                                             const std::stop_token& stop) {
        return unpack_layer(blob, encoding, target, options, stop);
    };
    UnpackSlots slots(config.unpack.max_concurrent);
    ImageLayers images(content, blobs);
    Lookahead lookahead(lookahead_parts(*snapshotter, blobs, images, unpack), slots,
                        lookahead_unpacks(config, available_processors()));
    SharedUnpacks shared;
    const auto metrics = config.metrics.address.empty() ? nullptr : std::make_unique<Metrics>();
    LayerApplier applier(applier_parts(*snapshotter, blobs, unpack, config, metrics.get()), slots,
                         &lookahead, &shared);
    TRY_ASSIGN(const auto metrics_server,
               serve_metrics(metrics.get(), readings(slots, lookahead, *snapshotter),
                             config.metrics.address));

    TRY_ASSIGN(Fd listener, take_activated_socket());
    bool activated = listener.valid();
    if (!activated) {
        TRY_ASSIGN(listener, listen_at(config.address));
    }
    return serve(config, *snapshotter, applier, std::move(listener), activated, metrics.get(),
                 signals);
}

} // namespace lamina
