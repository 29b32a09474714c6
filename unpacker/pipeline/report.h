// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "unpacker/base/digest.h"
#include "unpacker/base/stage_time.h"
#include "unpacker/layer/rebase_work.h"
#include "unpacker/tree/usage.h"

namespace lamina {

struct StageTimes {
    StageTime read;
    StageTime decode;
    StageTime hash;
    StageTime parse;          // with directories, links, and what comes last
    StageTime write;          // all writers
    double total_seconds = 0; // wall clock of the whole call
};

// What unpack_layer() did.
struct UnpackReport {
    // Digest and length of the complete uncompressed stream, bytes after the tar's end included.
    Digest diff_id;
    uint64_t uncompressed_bytes = 0;
    uint64_t blob_bytes = 0;
    uint64_t entries = 0;
    // Overlay whiteouts and opaque marks made (WhiteoutMode::overlay only).
    uint64_t whiteouts = 0;
    // What the directory holds now, the root directory included.
    Usage usage;
    // What rebase_layer() has to do once the layers below are known. Only of WhiteoutMode::overlay
    // without lowerdirs.
    RebaseWork rebase;
    // The same for a layer that was unpacked with lowerdirs: what rebase_layer() did.
    RebaseWork rebased;
    StageTimes times;
    // The file UnpackTarget::index is what index_tree() would find. Not so of few layers: those in
    // which notes do not tell it all (LayerRecord). Then the file holds nothing of use.
    bool is_indexed = false;
};

} // namespace lamina
