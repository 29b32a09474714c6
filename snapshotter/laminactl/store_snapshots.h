// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "snapshotter/laminactl/containerd_calls.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"
#include "unpacker/image/json.h"

namespace lamina {

// Makes the committed snapshots of an image whose layers (base first) are in the content store, as
// a pull would: containerd's diff service applies each into a snapshot of `snapshotter`. Those that
// are there already stay. Returns the topmost one's name, the chain ID.
[[nodiscard]] Result<std::string> unpack_in_store(const ContainerdCalls& calls,
                                                  const std::string& snapshotter,
                                                  const std::vector<Descriptor>& layers,
                                                  const std::vector<Digest>& diff_ids);

} // namespace lamina
