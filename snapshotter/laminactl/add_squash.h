// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "snapshotter/laminactl/image_store.h"
#include "unpacker/cli/squash_command.h"

namespace lamina {

struct SquashArguments {
    SquashCommand command;
    StoreAddress store;
};

// Declares "laminactl squash"; parsing fills `arguments`.
void add_squash(CLI::App& app, SquashArguments& arguments);

// Runs it and prints. The program's exit status: 0 done, 1 failed, 2 nothing to squash, as
// docker-squash has it.
[[nodiscard]] int squash_main(const SquashArguments& arguments);

} // namespace lamina
