// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/core/overlay_snapshotter.h"
#include "tests/support/memory_blob.h"
#include "tests/support/tar_builder.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {

// An Apply without its RPC: the layer into the snapshot that these mounts belong to.
inline Status apply_layer(OverlaySnapshotter& snapshotter, const Mounts& mounts,
                          const Tree& layer) {
    TRY_ASSIGN(ApplyHold hold, snapshotter.hold_for_apply(mounts));
    const ApplyTarget& target = hold.target();
    MemoryBlob blob(tar(layer));
    const auto report = unpack_layer(
        blob, Encoding::plain,
        {.root = target.upperdir,
         .whiteouts = target.is_overlay ? WhiteoutMode::overlay : WhiteoutMode::delete_in_place,
         .lowerdirs = target.lowerdirs,
         .index = hold.index_file()},
        {.writers = 1}, {});
    if (!report) {
        TRY(hold.discard());
        return fail(report.error());
    }
    return hold.succeed({.usage = report->usage,
                         .whiteouts = report->whiteouts,
                         .rebase = report->rebase,
                         .is_indexed = report->is_indexed});
}

} // namespace lamina::test
