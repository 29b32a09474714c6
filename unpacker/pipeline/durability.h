// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "unpacker/base/result.h"

namespace lamina {

// What a power failure may take away of a layer after unpack_layer() has returned.
enum class Durability {
    none,  // whatever the kernel had not written yet, as with containerd's default
    layer, // nothing: everything is on the disk
};

[[nodiscard]] std::string_view name_of(Durability durability);
[[nodiscard]] Result<Durability> parse_durability(std::string_view text);

} // namespace lamina
