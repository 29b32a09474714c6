// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "snapshotter/core/apply_hold.h"
#include "snapshotter/core/staged_tree.h"
#include "snapshotter/core/types.h"
#include "snapshotter/service/apply_log.h"
#include "snapshotter/service/lookahead.h"
#include "snapshotter/service/shared_unpacks.h"
#include "snapshotter/service/unpack_slots.h"
#include "unpacker/base/sync_filesystem.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina {

// One layer to unpack into the snapshot that `mounts` belong to.
struct LayerToApply {
    std::string media_type;
    std::string digest;
    int64_t size = 0; // bytes of the blob
    Mounts mounts;
    std::string containerd_namespace; // empty when the caller did not say
    bool sync_filesystem = false;     // on disk before apply() returns
};

// The uncompressed tar that a layer turned out to be.
struct AppliedLayer {
    Digest diff_id;
    uint64_t size = 0;
};

// What containerd calls Apply, without its messages.
class LayerApplier {
  public:
    // What it works with, so that each can be replaced in tests. All may be called by several
    // threads at once.
    struct Parts {
        std::function<Result<ApplyHold>(const Mounts&)> hold;
        std::function<Result<std::unique_ptr<BlobSource>>(const std::string& containerd_namespace,
                                                          const Digest&, uint64_t size,
                                                          const std::stop_token&)>
            open_blob;
        std::function<Result<UnpackReport>(BlobSource&, Encoding, const UnpackTarget&,
                                           const std::stop_token&)>
            unpack;
        std::function<Status(int fd)> sync = sync_filesystem;
        // The following are used where unpacks are shared. Whether the blob is there, in that
        // namespace and of that size.
        std::function<bool(const std::string& containerd_namespace, const Digest&, uint64_t size,
                           const std::stop_token&)>
            has_blob{};
        std::function<Result<StagedTree>()> make_tree{};
        // clone_layer()
        std::function<Result<Usage>(int from, const RebaseWork&, int to, const std::stop_token&)>
            clone{};
        // What unpack() does by itself, for layers that are cloned.
        Durability durability = Durability::none;
        // Told of each layer that was applied, also of one that was unpacked ahead.
        std::function<void(const UnpackReport&)> on_applied = [](const UnpackReport&) {};
    };

    // Unpacks wait for a place of `slots`. `lookahead` is null or stages the layers that follow,
    // `shared` is null or lets Applies of one blob share one unpack. All outlive it.
    LayerApplier(Parts parts, UnpackSlots& slots, Lookahead* lookahead = nullptr,
                 SharedUnpacks* shared = nullptr)
        : parts_(std::move(parts)), slots_(slots), lookahead_(lookahead), shared_(shared) {}

    // Blocks until the layer is complete, or nothing of it is left in the snapshot and nothing
    // writes any more. Thread-safe.
    //
    // unimplemented, with nothing touched, for media types and mounts that are not ours: containerd
    // then asks its next differ, which it does for no other error. canceled after `stop` or when
    // the snapshot is removed meanwhile. Else the errors of the parts.
    [[nodiscard]] Result<AppliedLayer> apply(const LayerToApply& layer,
                                             const std::stop_token& stop);

  private:
    struct Filled {
        UnpackReport report;
        LayerOrigin origin = LayerOrigin::unpacked;
    };
    // What does not change during one Apply.
    struct Task {
        const LayerToApply& layer;
        const Digest& digest;
        Encoding encoding;
        ApplyHold& hold;
        const std::stop_token& stop;
    };

    // Leaves the snapshot empty when it fails after the first write, and as it was before that.
    Result<Filled> fill_and_record(const Task& task);
    Result<Filled> fill(const Task& task);
    Result<Filled> unpack_once(const Task& task);
    Result<UnpackReport> unpack(const Task& task);
    Result<UnpackReport> unpack_for_all(const Task& task, SharedUnpacks::Turn& turn);
    Result<UnpackReport> clone(const Task& task, const SharedLayer& layer);
    bool may_share(const Task& task);
    static SharedUnpacks::Key key_of(const Task& task);
    Lookahead::Visit enter(const Task& task);

    Parts parts_;
    UnpackSlots& slots_;
    Lookahead* lookahead_;
    SharedUnpacks* shared_;
};

} // namespace lamina
