// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lamina {

// What a command is at, told to people on standard error. On a terminal each step takes the place
// of the one before; elsewhere each is a line.
void print_step(const std::string& line);

// A line that stays.
void print_note(const std::string& line);

// After the last step, which a terminal shows no more then.
void end_steps();

} // namespace lamina
