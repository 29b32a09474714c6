// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "snapshotter/laminactl/containerd_calls.h"
#include "unpacker/image/image_files.h"

namespace lamina {

// The blobs of a namespace as files "blobs/sha256/<hex>". Where containerd's own content store is
// on this host they are read in place, once containerd has said that the namespace has them; else
// they are fetched into files without names in `tmp_dir`. `calls` is borrowed.
[[nodiscard]] std::unique_ptr<ImageFiles> open_store_files(const ContainerdCalls& calls,
                                                           std::string tmp_dir);

} // namespace lamina
