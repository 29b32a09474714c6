// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <sys/types.h>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"

namespace lamina {

struct Owner {
    uid_t uid = 0;
    gid_t gid = 0;

    bool operator==(const Owner&) const = default;
};

// The host ids of the container's root, from the labels containerd.io/snapshot/uidmapping and
// gidmapping ("container:host:size,..."). Nothing when neither label is there; one that is missing
// means identity. invalid_argument when a label cannot be read or does not map id 0.
[[nodiscard]] Result<std::optional<Owner>> mapped_root(const Labels& labels);

} // namespace lamina
