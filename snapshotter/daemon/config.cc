// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/daemon/config.h"

#include <algorithm>

namespace lamina {

unsigned lookahead_unpacks(const Config& config, unsigned processors) {
    return config.unpack.lookahead == LookaheadMode::off ||
                   config.unpack.durability == Durability::layer
               ? 0
               : std::min(processors, config.unpack.max_concurrent - 1);
}

} // namespace lamina
