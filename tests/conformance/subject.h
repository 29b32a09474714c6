// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "snapshotter/core/overlay_snapshotter.h"

namespace lamina::test {

// One way to reach a snapshotter, on one kind of filesystem: what the conformance suite runs on.
struct Subject {
    std::string name; // a part of the tests' names: letters and digits
    // Makes a snapshotter with its state below options.root, which exists and is empty at first.
    // Destroying it closes all, so that the root may be opened again.
    std::function<Result<std::unique_ptr<Snapshotter>>(const OverlayOptions&)> open;
    std::string filesystem; // "ext4" or "xfs" for one of its own; empty for that of TMPDIR
};

inline void PrintTo(const Subject& subject, std::ostream* out) {
    *out << subject.name;
}

} // namespace lamina::test
