// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_shelf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/index/index_tree.h"
#include "unpacker/layer/engine_choice.h"
#include "unpacker/squash/scratch_check.h"

namespace lamina {

Result<LayerShelf> LayerShelf::create(const std::string& tmp_dir) {
    if (::geteuid() != 0) {
        return fail(ErrorCode::permission_denied,
                    "squash needs root: it unpacks layers with their owners and devices");
    }
    TRY_ASSIGN(ScratchDirectory scratch, ScratchDirectory::create(tmp_dir));
    TRY_ASSIGN(const Fd directory, open_directory(scratch.path()));
    TRY(check_scratch(directory.get(), tmp_dir));
    const EngineChoice engine = choose_engine(EngineWish::automatic, scratch.path());
    return LayerShelf(std::move(scratch), {.engine = engine.kind});
}

Result<UnpackedLayer> LayerShelf::unpack(BlobSource& blob, Encoding encoding, const Digest& diff_id,
                                         const std::vector<UnpackedLayer>& below,
                                         const std::stop_token& stop) {
    UnpackedLayer layer;
    layer.path = fmt::format("{}/{}", scratch_.path(), count_++);
    if (::mkdir(layer.path.c_str(), 0755) != 0) {
        return fail(errno_error("mkdir", layer.path));
    }
    UnpackTarget target{layer.path, WhiteoutMode::overlay, {}};
    for (auto lower = below.rbegin(); lower != below.rend(); ++lower) {
        target.lowerdirs.push_back(lower->path);
    }
    TRY_ASSIGN(const auto report, unpack_layer(blob, encoding, target, options_, stop));
    if (report.diff_id != diff_id) {
        return fail(ErrorCode::data_loss, fmt::format("layer {} has the diff ID {}", diff_id.text(),
                                                      report.diff_id.text()));
    }
    TRY_ASSIGN(layer.root, open_directory(layer.path));
    TRY_ASSIGN(LayerIndex index, index_tree(layer.root.get(), OverlayXattrs::trusted, stop));
    layer.index = std::make_unique<LayerIndex>(std::move(index));
    return layer;
}

} // namespace lamina
