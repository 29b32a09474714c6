// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/name_parts.h"

namespace lamina {

std::string_view namespace_in(std::string_view name) {
    return name.substr(0, name.find('/'));
}

std::string_view client_key_in(std::string_view name) {
    for (int slash = 0; slash < 2; ++slash) {
        const size_t end = name.find('/');
        if (end == std::string_view::npos) {
            return {};
        }
        name.remove_prefix(end + 1);
    }
    return name;
}

} // namespace lamina
