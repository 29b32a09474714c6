// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string_view>

#include "unpacker/base/log.h"
#include "unpacker/base/result.h"

namespace lamina {

// One line at info for a request that changes state, with containerd's names for the fields.
template <class T>
void log_request(std::string_view request, const Result<T>& result,
                 std::initializer_list<log::Field> fields) {
    if (result) {
        log::info(request, fields);
    } else {
        log::info(fmt::format("{} failed: {}", request, result.error().message), fields);
    }
}

} // namespace lamina
