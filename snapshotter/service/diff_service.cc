// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/diff_service.h"

#include "snapshotter/service/cancel_watch.h"
#include "snapshotter/service/status.h"

namespace lamina {
namespace {

// What containerd's own differ calls every uncompressed layer (core/diff/apply/apply.go).
constexpr const char* kUncompressedLayer = "application/vnd.oci.image.layer.v1.tar";

std::string namespace_header(const grpc::ServerContext& context) {
    auto header = context.client_metadata().find("containerd-namespace");
    return header == context.client_metadata().end()
               ? std::string()
               : std::string(header->second.data(), header->second.size());
}

// Payloads are left out: they are for stream processors, and CRI attaches them to every layer.
LayerToApply to_layer(const grpc::ServerContext& context, const diff_api::ApplyRequest& request) {
    return {.media_type = request.diff().media_type(),
            .digest = request.diff().digest(),
            .size = request.diff().size(),
            .mounts = to_mounts(request.mounts()),
            .containerd_namespace = namespace_header(context),
            .sync_filesystem = request.sync_fs()};
}

} // namespace

grpc::Status DiffService::Apply(grpc::ServerContext* context, const diff_api::ApplyRequest* request,
                                diff_api::ApplyResponse* reply) {
    CancelWatch watch(*context);
    auto applied = applier_.apply(to_layer(*context, *request), watch.token());
    if (!applied) {
        return to_grpc(applied.error());
    }
    types_api::Descriptor& descriptor = *reply->mutable_applied();
    descriptor.set_media_type(kUncompressedLayer);
    descriptor.set_digest(applied->diff_id.text());
    descriptor.set_size(static_cast<int64_t>(applied->size));
    return grpc::Status::OK;
}

grpc::Status DiffService::Diff(grpc::ServerContext*, const diff_api::DiffRequest*,
                               diff_api::DiffResponse*) {
    return to_grpc(Error{ErrorCode::unimplemented, 0, "lamina applies layers, it makes none"});
}

} // namespace lamina
