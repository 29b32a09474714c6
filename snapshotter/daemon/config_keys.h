// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/daemon/config.h"

namespace lamina {

struct Range {
    unsigned min = 0;
    unsigned max = 0;
};

// What the kernel stacks (OVL_MAX_STACK, fs/overlayfs/params.h).
inline constexpr unsigned kOverlayLowersMax = 500;

// A string that is empty or an IPv4 address and a port, "127.0.0.1:9999".
struct HostAndPort {};

// Calls visit(section, key, member[, bounds]) for each key of the file; section is "" for the
// top of the file. Reading and printing both go through here, so that no key can be forgotten.
template <class AnyConfig, class Visitor>
void visit_config_keys(AnyConfig& config, Visitor&& visit) {
    visit("", "root", config.root);
    visit("", "address", config.address);
    visit("", "shutdown_seconds", config.shutdown_seconds, Range{0, 3600});
    visit("log", "level", config.log.level);
    visit("snapshotter", "mount_options", config.snapshotter.mount_options);
    visit("snapshotter", "upperdir_label", config.snapshotter.upperdir_label);
    visit("snapshotter", "remap_ids", config.snapshotter.remap_ids);
    visit("snapshotter", "delete_threads", config.snapshotter.delete_threads, Range{1, 64});
    visit("snapshotter", "delete_when_idle", config.snapshotter.delete_when_idle);
    visit("content", "root", config.content.root);
    visit("content", "address", config.content.address);
    visit("unpack", "writers", config.unpack.writers, Range{0, 256});
    visit("unpack", "max_concurrent", config.unpack.max_concurrent, Range{1, 256});
    visit("unpack", "engine", config.unpack.engine);
    visit("unpack", "durability", config.unpack.durability);
    visit("unpack", "nice", config.unpack.nice, Range{0, 19});
    visit("unpack", "lookahead", config.unpack.lookahead);
    visit("squash", "mode", config.squash.mode);
    visit("squash", "min_layers", config.squash.min_layers, Range{2, kOverlayLowersMax});
    visit("squash", "keep_base", config.squash.keep_base, Range{0, kOverlayLowersMax});
    visit("squash", "backend", config.squash.backend);
    visit("squash", "wait", config.squash.wait);
    visit("metrics", "address", config.metrics.address, HostAndPort{});
}

} // namespace lamina
