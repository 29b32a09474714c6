// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lamina {

inline constexpr int kFailed = 1; // the exit status of laminactl, whatever the reason

// Prints what a command has to say to standard output. Returns the program's exit status: `status`,
// or kFailed when it could not be written, which standard error is told.
[[nodiscard]] int print_report(const std::string& text, int status);

// Tells standard error why it failed, and returns kFailed.
[[nodiscard]] int print_failure(const std::string& message);

} // namespace lamina
