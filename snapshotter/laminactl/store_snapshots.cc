// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/store_snapshots.h"

#include <fmt/format.h>

#include "snapshotter/service/image_documents.h"
#include "snapshotter/service/status.h"

namespace lamina {
namespace {

constexpr const char* kRefLabel = "containerd.io/snapshot.ref";

class ChainUnpack {
  public:
    ChainUnpack(const ContainerdCalls& calls, const std::string& snapshotter)
        : calls_(calls), snapshotter_(snapshotter) {}

    // `name` above `parent`, which is empty for the first one.
    Status add(const Descriptor& layer, const Digest& diff_id, const std::string& name,
               const std::string& parent) {
        if (exists(name)) {
            return {};
        }
        const auto made = make(layer, diff_id, name, parent);
        // Somebody else's pull may have been faster.
        const bool is_there =
            !made && made.error().code == ErrorCode::already_exists && exists(name);
        return is_there ? Status{} : made;
    }

  private:
    Status make(const Descriptor& layer, const Digest& diff_id, const std::string& name,
                const std::string& parent) {
        const std::string key = fmt::format("extract-{} {}", calls_.run, name);
        snapshots_api::PrepareSnapshotResponse prepared;
        TRY(prepare(key, name, parent, prepared));
        auto committed = apply(layer, diff_id, prepared);
        if (committed) {
            committed = commit(key, name);
        }
        if (!committed) {
            remove(key);
        }
        return committed;
    }

    bool exists(const std::string& name) {
        CallContext call(calls_);
        snapshots_api::StatSnapshotRequest request;
        request.set_snapshotter(snapshotter_);
        request.set_key(name);
        snapshots_api::StatSnapshotResponse reply;
        return calls_.snapshots->Stat(call.get(), request, &reply).ok();
    }

    Status prepare(const std::string& key, const std::string& name, const std::string& parent,
                   snapshots_api::PrepareSnapshotResponse& reply) {
        CallContext call(calls_, CallContext::Time::any);
        snapshots_api::PrepareSnapshotRequest request;
        request.set_snapshotter(snapshotter_);
        request.set_key(key);
        request.set_parent(parent);
        (*request.mutable_labels())[kRefLabel] = name;
        return from_grpc(calls_.snapshots->Prepare(call.get(), request, &reply));
    }

    Status apply(const Descriptor& layer, const Digest& diff_id,
                 const snapshots_api::PrepareSnapshotResponse& prepared) {
        CallContext call(calls_, CallContext::Time::any);
        diff_api::ApplyRequest request;
        request.mutable_diff()->set_media_type(layer.media_type);
        request.mutable_diff()->set_digest(layer.digest.text());
        request.mutable_diff()->set_size(static_cast<int64_t>(layer.size_bytes));
        *request.mutable_mounts() = prepared.mounts();
        diff_api::ApplyResponse reply;
        TRY(from_grpc(calls_.diff->Apply(call.get(), request, &reply)));
        if (reply.applied().digest() != diff_id.text()) {
            return fail(ErrorCode::data_loss,
                        fmt::format("layer {} was unpacked to {} instead", diff_id.text(),
                                    reply.applied().digest()));
        }
        return {};
    }

    Status commit(const std::string& key, const std::string& name) {
        CallContext call(calls_, CallContext::Time::any);
        snapshots_api::CommitSnapshotRequest request;
        request.set_snapshotter(snapshotter_);
        request.set_key(key);
        request.set_name(name);
        (*request.mutable_labels())[kRefLabel] = name;
        google::protobuf::Empty reply;
        return from_grpc(calls_.snapshots->Commit(call.get(), request, &reply));
    }

    void remove(const std::string& key) {
        CallContext call(calls_);
        snapshots_api::RemoveSnapshotRequest request;
        request.set_snapshotter(snapshotter_);
        request.set_key(key);
        google::protobuf::Empty reply;
        (void)calls_.snapshots->Remove(call.get(), request, &reply);
    }

    const ContainerdCalls& calls_;
    const std::string& snapshotter_;
};

} // namespace

Result<std::string> unpack_in_store(const ContainerdCalls& calls, const std::string& snapshotter,
                                    const std::vector<Descriptor>& layers,
                                    const std::vector<Digest>& diff_ids) {
    const std::vector<Digest> names = chain_ids(diff_ids);
    ChainUnpack chain(calls, snapshotter);
    std::string parent;
    for (size_t i = 0; i < layers.size(); ++i) {
        auto added = chain.add(layers[i], diff_ids[i], names[i].text(), parent);
        if (!added) {
            return fail(with_context(fmt::format("unpacking layer {}", layers[i].digest.text()),
                                     added.error()));
        }
        parent = names[i].text();
    }
    return parent;
}

} // namespace lamina
