// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/squash_in_store.h"

#include <optional>

#include <fmt/format.h>

#include "unpacker/squash/scratch_directory.h"
#include "unpacker/squash/squash_image.h"

namespace lamina {
namespace {

// Names of images have no slash in front.
bool is_in_store(const std::string& image) {
    return !image.starts_with('/') && !image.starts_with('.') && !find_path(image);
}

Result<SquashOutcome> squash_from(const SquashCommand& command, ImageStore* store,
                                  const std::stop_token& stop) {
    if (store == nullptr) {
        return run_squash(command, stop);
    }
    TRY_ASSIGN(const ImageSource source, store->source());
    return run_squash(command, source, stop);
}

// By way of a layout, which is proven as ever.
Result<SquashOutcome> squash_to_store(const SquashCommand& command, ImageStore& store,
                                      bool is_from_store, const StoreAddress& address,
                                      const std::stop_token& stop) {
    TRY_ASSIGN(const ScratchDirectory scratch, ScratchDirectory::create(command.tmp_dir));
    SquashCommand to_layout = command;
    to_layout.form = "oci-dir";
    to_layout.output_path = scratch.path() + "/image";
    to_layout.copies_base = !is_from_store;
    TRY_ASSIGN(SquashOutcome outcome,
               squash_from(to_layout, is_from_store ? &store : nullptr, stop));
    if (outcome.is_squashed && !command.is_dry_run) {
        command.say(fmt::format("putting it into containerd (namespace {}) and into {}",
                                address.containerd_namespace, address.snapshotter));
        TRY_ASSIGN(const ImageSource layout, ImageSource::open(to_layout.output_path));
        TRY(store.add(layout));
    }
    return outcome;
}

} // namespace

Result<SquashOutcome> squash_anywhere(const SquashCommand& command, const StoreAddress& address,
                                      const std::stop_token& stop) {
    const bool is_from_store = is_in_store(command.image);
    const bool is_to_store = command.form == "store" ||
                             (is_from_store && command.form.empty() && command.output_path.empty());
    if (command.form == "store" && !command.output_path.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "--output store goes into containerd and takes no --output-path");
    }
    if (!is_from_store && !is_to_store) {
        return run_squash(command, stop);
    }
    if (is_to_store && command.tag.empty() && !command.is_dry_run) {
        return fail(ErrorCode::invalid_argument, "an image in containerd needs a name: --tag");
    }
    auto store = ImageStore::open(address, command.tmp_dir, stop);
    if (!store) {
        return fail(is_from_store ? with_context(command.image + " is no file", store.error())
                                  : store.error());
    }
    return is_to_store ? squash_to_store(command, **store, is_from_store, address, stop)
                       : squash_from(command, store->get(), stop);
}

} // namespace lamina
