// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "unpacker/base/result.h"
#include "unpacker/base/synchronized.h"

namespace lamina {

// Keeps the first error that any of several threads reports. Thread-safe.
class FirstError {
  public:
    // Returns true when `error` was the first.
    bool set(Error error) {
        auto held = error_.lock();
        if (held->has_value()) {
            return false;
        }
        *held = std::move(error);
        return true;
    }

    [[nodiscard]] Status status() {
        auto held = error_.lock();
        if (held->has_value()) {
            return fail(**held);
        }
        return {};
    }

  private:
    Synchronized<std::optional<Error>> error_;
};

} // namespace lamina
