// SPDX-License-Identifier: Apache-2.0
#include "unpacker/pipeline/durability.h"

#include <fmt/format.h>

namespace lamina {

std::string_view name_of(Durability durability) {
    return durability == Durability::none ? "none" : "layer";
}

Result<Durability> parse_durability(std::string_view text) {
    for (const Durability durability : {Durability::none, Durability::layer}) {
        if (text == name_of(durability)) {
            return durability;
        }
    }
    return fail(ErrorCode::invalid_argument,
                fmt::format("durability \"{}\" is neither none nor layer", text));
}

} // namespace lamina
