// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "unpacker/cli/squash_command.h"

namespace lamina {

// Declares "laminactl squash"; parsing fills `command`.
void add_squash(CLI::App& app, SquashCommand& command);

// Runs it and prints. The program's exit status: 0 done, 1 failed, 2 nothing to squash, as
// docker-squash has it.
[[nodiscard]] int squash_main(const SquashCommand& command);

} // namespace lamina
