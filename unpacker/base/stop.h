// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "unpacker/base/result.h"

namespace lamina {

// canceled when a stop is requested.
[[nodiscard]] inline Status check_stop(const std::stop_token& stop) {
    return stop.stop_requested() ? fail(ErrorCode::canceled, "stopped") : Status();
}

} // namespace lamina
