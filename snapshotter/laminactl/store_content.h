// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "snapshotter/laminactl/containerd_calls.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"
#include "unpacker/image/image_source.h"

namespace lamina {

using ContentLabels = std::map<std::string, std::string>;

// Puts blobs into containerd's content store. `calls` is borrowed.
class StoreContent {
  public:
    explicit StoreContent(const ContainerdCalls& calls) : calls_(calls) {}

    // Copies a blob, unless the namespace has it; either way it has `labels` then, beside others.
    Status put(const ImageSource& from, const Descriptor& descriptor, const ContentLabels& labels);

    // Sets labels of a blob that is there, beside those that it has.
    Status label(const Digest& digest, const ContentLabels& labels);

  private:
    Status write(const ImageSource& from, const Descriptor& descriptor,
                 const ContentLabels& labels);

    const ContainerdCalls& calls_;
};

} // namespace lamina
