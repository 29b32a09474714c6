// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "unpacker/base/result.h"
#include "unpacker/cli/progress.h"

namespace lamina {

class ImageSource;

// laminactl squash IMAGE: the layers of an image above its base as one.
struct SquashCommand {
    enum class Output { text, json };

    std::string image; // a path, or path:name
    std::string tag;
    std::string from_layer = "auto";
    size_t layers = 1; // at most, in place of the squashed ones
    std::string platform = "all";
    std::string message;
    std::string form; // oci-dir, oci-tar, docker-tar; empty: that of the source
    std::string output_path;
    std::string compression; // gzip, zstd, none; empty: none in a docker-tar, else gzip
    std::string tmp_dir = "/var/tmp";
    bool copies_base = true; // see SquashOptions
    bool is_dry_run = false;
    Output output = Output::text;
    // Called with each step, and with each thing that is left out; standard error unless somebody
    // else wants them.
    std::function<void(const std::string& line)> say = print_step;
    std::function<void(const std::string& line)> note = print_note;
};

struct SquashOutcome {
    std::string text; // what to print
    bool is_squashed = false;
};

// SOURCE_DATE_EPOCH is taken from the environment.
[[nodiscard]] Result<SquashOutcome> run_squash(const SquashCommand& command,
                                               const std::stop_token& stop);

// The same for an image of an open source, where command.image is its name.
[[nodiscard]] Result<SquashOutcome>
run_squash(const SquashCommand& command, const ImageSource& source, const std::stop_token& stop);

} // namespace lamina
