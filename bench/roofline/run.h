// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "unpacker/base/result.h"

namespace lamina::bench {

// The whole program: `arguments` are those of main() without its name, the result is one JSON
// object with seconds and digests.
[[nodiscard]] Result<std::string> run_roofline(const std::vector<std::string>& arguments);

} // namespace lamina::bench
