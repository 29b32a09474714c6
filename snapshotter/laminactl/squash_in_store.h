// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "snapshotter/laminactl/image_store.h"
#include "unpacker/cli/squash_command.h"

namespace lamina {

// laminactl squash with all that it takes: IMAGE is a file or, if there is none of that name, an
// image in containerd; `--output store`, which is what an image in containerd becomes unless an
// --output-path is given, puts the result there under its tag.
[[nodiscard]] Result<SquashOutcome> squash_anywhere(const SquashCommand& command,
                                                    const StoreAddress& address,
                                                    const std::stop_token& stop);

} // namespace lamina
