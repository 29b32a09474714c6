// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "unpacker/base/result.h"

namespace lamina {

// Tells the service manager, if there is one, what sd_notify(3) describes: "READY=1",
// "STOPPING=1", "STATUS=...", lines joined by newlines.
Status notify_service_manager(std::string_view state);

} // namespace lamina
