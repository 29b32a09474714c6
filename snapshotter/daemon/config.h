// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "snapshotter/core/squash_options.h"
#include "unpacker/base/log.h"
#include "unpacker/base/result.h"
#include "unpacker/layer/engine_choice.h"
#include "unpacker/pipeline/durability.h"

namespace lamina {

// Whether layers are unpacked before they are asked for.
enum class LookaheadMode { automatic, off };

// The daemon's configuration; the values here are the defaults. systemd/config.toml explains each
// key, config_keys.h gives its name.
struct Config {
    std::string root = "/var/lib/containerd-lamina-grpc";
    std::string address = "/run/containerd-lamina-grpc/containerd-lamina-grpc.sock";
    unsigned shutdown_seconds = 10;

    struct Log {
        log::Level level = log::Level::info;
        bool operator==(const Log&) const = default;
    } log;

    struct Snapshotter {
        std::vector<std::string> mount_options;
        bool upperdir_label = false;
        bool remap_ids = true;
        unsigned delete_threads = 1;
        bool delete_when_idle = false;
        bool operator==(const Snapshotter&) const = default;
    } snapshotter;

    struct Content {
        std::string root = "/var/lib/containerd/io.containerd.content.v1.content";
        std::string address = "/run/containerd/containerd.sock";
        bool operator==(const Content&) const = default;
    } content;

    struct Unpack {
        unsigned writers = 0;
        unsigned max_concurrent = 4;
        EngineWish engine = EngineWish::automatic;
        Durability durability = Durability::none;
        unsigned nice = 0;
        LookaheadMode lookahead = LookaheadMode::automatic;
        bool operator==(const Unpack&) const = default;
    } unpack;

    SquashOptions squash;

    struct Metrics {
        std::string address; // empty: not served
        bool operator==(const Metrics&) const = default;
    } metrics;

    bool operator==(const Config&) const = default;
};

// The defaults with what the TOML file `path` says. An unknown key, a wrong type and a value out
// of range are invalid_argument, "file:line:column: what is wrong"; not_found without the file.
[[nodiscard]] Result<Config> read_config(const std::string& path);

// How many unpacks the look-ahead keeps running, those of Applies included: more than there are
// processors for gains nothing, and one place is always left to an Apply. A staged tree is finished
// after its unpack has put it on the disk, so durability does without. 0: it is off.
[[nodiscard]] unsigned lookahead_unpacks(const Config& config, unsigned processors);

// All keys as TOML that read_config() reads back to the same Config.
[[nodiscard]] std::string print_config(const Config& config);

} // namespace lamina
