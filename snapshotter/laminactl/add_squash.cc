// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/add_squash.h"

#include "snapshotter/laminactl/print_report.h"
#include "snapshotter/laminactl/squash_in_store.h"
#include "snapshotter/laminactl/stop_on_signal.h"
#include "unpacker/cli/progress.h"

namespace lamina {
namespace {

// As many layers as overlay mounts and containerd's own tests have. More would be no squashing.
constexpr size_t kLayersMax = 127;

} // namespace

void add_squash(CLI::App& app, SquashArguments& arguments) {
    SquashCommand& command = arguments.command;
    CLI::App* squash =
        app.add_subcommand("squash", "make the layers of an image above its base one; needs root");
    squash
        ->add_option(
            "IMAGE", command.image,
            "OCI layout (directory or tar) or docker-save tar, PATH:NAME for one of many; or an "
            "image in containerd")
        ->required();
    squash->add_option("-t,--tag", command.tag, "name of the new image");
    squash->add_option("-f,--from-layer", command.from_layer,
                       "auto: above the base; all; N: the topmost N; DIGEST: above that layer");
    squash
        ->add_option("--layers", command.layers,
                     "into how many layers, to be fetched and unpacked at the same time")
        ->check(CLI::Range(size_t{1}, kLayersMax));
    squash->add_option("-m,--message", command.message, "comment in the new row of the history");
    squash->add_option("--platform", command.platform, "os/architecture[/variant], or all");
    squash->add_option("--output", command.form,
                       "oci-dir, oci-tar, docker-tar or store; that of IMAGE unless given");
    squash->add_option("--output-path", command.output_path, "where the new image goes");
    squash->add_option("--compression", command.compression,
                       "gzip, zstd or none; gzip unless given, none in a docker-tar");
    squash->add_option("--tmp-dir", command.tmp_dir, "where layers are unpacked");
    StoreAddress& store = arguments.store;
    squash->add_option("--address", store.socket, "containerd's socket")
        ->envname("CONTAINERD_ADDRESS");
    squash->add_option("-n,--namespace", store.containerd_namespace, "of containerd")
        ->envname("CONTAINERD_NAMESPACE");
    squash->add_option("--snapshotter", store.snapshotter, "into which a store's result goes");
    squash->add_flag("--dry-run", command.is_dry_run,
                     "tell what would come out, from what the layers hold; write nothing");
    squash->add_flag_callback(
        "--json", [&command] { command.output = SquashCommand::Output::json; },
        "print the report as one JSON object");
}

int squash_main(const SquashArguments& arguments) {
    constexpr int kNothingToSquash = 2;
    const StopOnSignal stop;
    const auto outcome = squash_anywhere(arguments.command, arguments.store, stop.token());
    end_steps();
    if (!outcome) {
        return print_failure(outcome.error().message);
    }
    return print_report(outcome->text, outcome->is_squashed ? 0 : kNothingToSquash);
}

} // namespace lamina
