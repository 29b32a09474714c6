// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/result.h"
#include "unpacker/layer/engine_choice.h"
#include "unpacker/pipeline/durability.h"

namespace lamina {

// laminactl unpack BLOB DIR: one layer blob into a directory, without containerd.
struct UnpackCommand {
    enum class Output { text, text_with_timings, json };

    std::string blob;      // a file, or "-" for standard input
    std::string directory; // is made when missing
    std::string lowerdirs; // nearest first, joined by ":"; not empty makes overlay whiteouts
    bool is_upperdir = false;
    std::string index; // a new file for what is in the directory then; not empty wants it
    unsigned writers = 0;
    Durability durability = Durability::none;
    EngineWish engine = EngineWish::automatic;
    Output output = Output::text;
};

// Returns what to print: the report as lines for people or as one JSON object.
[[nodiscard]] Result<std::string> run_unpack(const UnpackCommand& command);

} // namespace lamina
