// SPDX-License-Identifier: Apache-2.0
// laminactl: the command for people.

#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "snapshotter/laminactl/add_squash.h"
#include "snapshotter/laminactl/print_report.h"
#include "unpacker/base/fd.h"
#include "unpacker/cli/unpack_command.h"

namespace {

void add_unpack(CLI::App& app, lamina::UnpackCommand& command) {
    CLI::App* unpack = app.add_subcommand("unpack", "unpack one layer blob into a directory");
    unpack->add_option("BLOB", command.blob, "the blob: plain tar, gzip or zstd; - reads stdin")
        ->required();
    unpack->add_option("DIR", command.directory, "where to; made when missing")->required();
    unpack->add_flag("--upperdir", command.is_upperdir,
                     "DIR is the upper directory of an overlay: keep whiteouts as its own");
    unpack->add_option("--lowerdir", command.lowerdirs,
                       "what lies below, nearest first, joined by ':'; implies --upperdir");
    unpack->add_option("--index", command.index,
                       "a new file for the index of DIR, if DIR is empty at first");
    unpack->add_option("--writers", command.writers, "threads that write; 0 = one per processor");
    unpack->add_option("--engine", command.engine, "how files are made")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, lamina::EngineWish>{{"auto", lamina::EngineWish::automatic},
                                                      {"threads", lamina::EngineWish::threads},
                                                      {"io_uring", lamina::EngineWish::io_uring}}));
    unpack->add_option("--durability", command.durability, "none, or layer: on disk at the end")
        ->transform(CLI::CheckedTransformer(std::map<std::string, lamina::Durability>{
            {"none", lamina::Durability::none}, {"layer", lamina::Durability::layer}}));
    unpack->add_flag_callback(
        "--timings",
        [&command] { command.output = lamina::UnpackCommand::Output::text_with_timings; },
        "print where the time went, stage by stage");
    unpack->add_flag_callback(
        "--json", [&command] { command.output = lamina::UnpackCommand::Output::json; },
        "print the report as one JSON object");
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Unpacks image layers and squashes images as lamina does it, without containerd."};
    app.set_version_flag("--version", std::string("laminactl " LAMINA_VERSION));
    app.require_subcommand(1);
    lamina::UnpackCommand unpack;
    add_unpack(app, unpack);
    lamina::SquashArguments squash;
    lamina::add_squash(app, squash);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { // help and version are such, too
        return app.exit(error) == 0 ? 0 : lamina::kFailed;
    }
    lamina::raise_descriptor_limit();
    if (app.got_subcommand("squash")) {
        return lamina::squash_main(squash);
    }
    const auto report = lamina::run_unpack(unpack);
    if (!report) {
        return lamina::print_failure(report.error().message);
    }
    return lamina::print_report(*report, 0);
}
