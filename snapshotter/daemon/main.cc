// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "snapshotter/daemon/config.h"
#include "snapshotter/daemon/daemon.h"
#include "snapshotter/daemon/shutdown_signals.h"
#include "unpacker/base/fd.h"

namespace {

constexpr const char* kDefaultConfigFile = "/etc/containerd-lamina-grpc/config.toml";

struct Flags {
    std::optional<std::string> config_file;
    std::optional<std::string> root;
    std::optional<std::string> address;
    std::optional<std::string> log_level;
    bool print_config = false;
};

void describe(CLI::App& app, Flags& flags) {
    app.set_version_flag("--version", "containerd-lamina-grpc " LAMINA_VERSION);
    app.add_option("--config", flags.config_file,
                   fmt::format("configuration file [{}]", kDefaultConfigFile));
    app.add_option("--root", flags.root, "state directory, instead of the configured one");
    app.add_option("--address", flags.address, "unix socket, instead of the configured one");
    app.add_option("--log-level", flags.log_level, "trace, debug, info, warn or error");
    app.add_flag("--print-config", flags.print_config, "print the configuration in effect");
}

// Defaults, then the file, then the flags. Only the default file may be missing.
lamina::Result<lamina::Config> effective_config(const Flags& flags) {
    auto config = lamina::read_config(flags.config_file.value_or(kDefaultConfigFile));
    if (!config) {
        bool is_optional = !flags.config_file;
        if (!is_optional || config.error().code != lamina::ErrorCode::not_found) {
            return config;
        }
        config = lamina::Config{};
    }
    config->root = flags.root.value_or(config->root);
    config->address = flags.address.value_or(config->address);
    if (flags.log_level) {
        TRY_ASSIGN(config->log.level, lamina::log::parse_level(*flags.log_level));
    }
    return config;
}

lamina::Status run(const Flags& flags) {
    TRY_ASSIGN(lamina::Config config, effective_config(flags));
    if (flags.print_config) {
        std::fputs(lamina::print_config(config).c_str(), stdout);
        return {};
    }
    lamina::log::set_level(config.log.level);
    lamina::raise_descriptor_limit();
    lamina::ShutdownSignals signals;
    return lamina::run_daemon(config, signals);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("containerd snapshotter that unpacks layers fast", "containerd-lamina-grpc");
    Flags flags;
    describe(app, flags);
    CLI11_PARSE(app, argc, argv);
    if (auto done = run(flags); !done) {
        lamina::log::error(done.error().message);
        return 1;
    }
    return 0;
}
