// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lamina {

// A name of an archive for messages: names may have a megabyte, log lines should not.
[[nodiscard]] inline std::string shortened(std::string_view name) {
    constexpr size_t kShownBytes = 300;
    return name.size() <= kShownBytes ? std::string(name)
                                      : std::string(name.substr(0, kShownBytes)) + "...";
}

} // namespace lamina
