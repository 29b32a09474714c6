// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "unpacker/base/result.h"

namespace lamina {

// laminactl squash IMAGE: the layers of an image above its base as one.
struct SquashCommand {
    enum class Output { text, json };

    std::string image; // a path, or path:name
    std::string tag;
    std::string from_layer = "auto";
    std::string platform = "all";
    std::string message;
    std::string form; // oci-dir, oci-tar, docker-tar; empty: that of the source
    std::string output_path;
    std::string compression; // gzip, zstd, none; empty: none in a docker-tar, else gzip
    std::string tmp_dir = "/var/tmp";
    bool is_dry_run = false;
    Output output = Output::text;
};

struct SquashOutcome {
    std::string text; // what to print
    bool is_squashed = false;
};

// Tells its progress on standard error. SOURCE_DATE_EPOCH is taken from the environment.
[[nodiscard]] Result<SquashOutcome> run_squash(const SquashCommand& command,
                                               const std::stop_token& stop);

} // namespace lamina
