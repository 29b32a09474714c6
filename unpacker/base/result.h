// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "unpacker/base/error.h"

namespace lamina {

// A value or an Error. Every function that can fail at run time returns one.
template <class T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
    return tl::unexpected<Error>(Error{code, 0, std::move(message)});
}

} // namespace lamina

#define LAMINA_CONCAT_(a, b) a##b
#define LAMINA_CONCAT(a, b) LAMINA_CONCAT_(a, b)

// Returns from the function with the error of `expression`, if it has one. These two macros are
// the only ones that return.
#define TRY(expression)                                                                            \
    do {                                                                                           \
        if (auto try_result = (expression); !try_result) {                                         \
            return ::lamina::fail(std::move(try_result).error());                                  \
        }                                                                                          \
    } while (false)

// TRY_ASSIGN(auto file, open_file(name)): same, and keeps the value.
#define TRY_ASSIGN(declaration, expression)                                                        \
    auto LAMINA_CONCAT(try_result_, __LINE__) = (expression);                                      \
    if (!LAMINA_CONCAT(try_result_, __LINE__)) {                                                   \
        return ::lamina::fail(std::move(LAMINA_CONCAT(try_result_, __LINE__)).error());            \
    }                                                                                              \
    declaration = *std::move(LAMINA_CONCAT(try_result_, __LINE__))
