// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unpacker/tree/usage.h"

namespace lamina {

// The words are containerd's (core/snapshots/snapshotter.go):
//   key    names an active snapshot or a view
//   name   names a committed snapshot; keys and names share one space
//   parent the name of the committed snapshot that this one is based on, or empty

// Names a snapshot's directory; never used twice, also not after the snapshot is gone.
using SnapshotId = int64_t;

// Values as on the wire (containerd.services.snapshots.v1.Kind).
enum class Kind { view = 1, active = 2, committed = 3 };

using Labels = std::map<std::string, std::string>;
using Timestamp = std::chrono::system_clock::time_point; // UTC, nanoseconds

struct Info {
    std::string name; // key or name
    std::string parent;
    Kind kind = Kind::active;
    Labels labels;
    Timestamp created;
    Timestamp updated;
};

struct Mount {
    std::string type;
    std::string source;
    std::string target;
    std::vector<std::string> options;

    bool operator==(const Mount&) const = default;
};

using Mounts = std::vector<Mount>;

} // namespace lamina
