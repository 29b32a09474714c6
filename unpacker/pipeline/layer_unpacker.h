// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"
#include "unpacker/base/sync_filesystem.h"
#include "unpacker/codec/media_type.h"
#include "unpacker/layer/leaf_engine.h"
#include "unpacker/layer/whiteout_mode.h"
#include "unpacker/pipeline/blob_source.h"
#include "unpacker/pipeline/durability.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

// The directory to unpack into, and what lies below it.
struct UnpackTarget {
    // Must exist. Nothing outside of it is ever touched.
    std::string root;
    WhiteoutMode whiteouts = WhiteoutMode::delete_in_place;
    // Nearest parent first. Directories that the layer only implies take owner, mode, times and
    // xattrs from the first of these that has them. Never written. None when they are not known
    // yet: UnpackReport::rebase tells what remains to be done with them.
    std::vector<std::string> lowerdirs;
    // An empty file (borrowed) that becomes the index of the directory as it is in the end, if it
    // is empty at first, see UnpackReport::is_indexed; -1 for none.
    int index = -1;
};

struct UnpackOptions {
    // Threads that write files; 0 takes as many as there are processors for this process. At most
    // limits::kWritersMax.
    unsigned writers = 0;
    EngineKind engine = EngineKind::threads;
    Durability durability = Durability::none;
    // Of all threads of the unpack, 0 to 19, nice(2); the kernel derives their I/O priority from
    // it.
    int nice = 0;
    // How durability is brought about.
    std::function<Status(int fd)> sync = sync_filesystem;
};

// Unpacks one layer: reads `blob` to its end, decompresses it, and makes its entries in
// `target.root` with containerd's archive rules.
//
// Blocks until everything is written or nothing writes any more: when it returns, also with an
// error or after `stop`, no thread of it touches the target. Starts its own threads; may be called
// by several threads at once for different targets. What a failed call leaves in the target is
// the caller's to discard.
//
// Errors name the entry and the cause: invalid_argument for an archive that breaks the rules,
// data_loss for truncated or corrupt streams, canceled after `stop`, else the errno of the call
// that failed.
// Source: containerd-archive semantics as tests/unpacker/archive pins them; OCI
// image-spec layer.md.
[[nodiscard]] Result<UnpackReport> unpack_layer(BlobSource& blob, Encoding encoding,
                                                const UnpackTarget& target,
                                                const UnpackOptions& options,
                                                const std::stop_token& stop);

} // namespace lamina
