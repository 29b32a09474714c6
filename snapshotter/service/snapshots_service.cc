// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/snapshots_service.h"

#include "snapshotter/service/request_log.h"
#include "snapshotter/service/status.h"

namespace lamina {
namespace {

// containerd's own server sends no more in one message, which keeps them far below its limit of
// 16 MiB: labels are at most 4 KiB each.
constexpr int kInfosPerMessage = 100;

template <class Reply>
grpc::Status answer_mounts(const Result<Mounts>& mounts, Reply& reply) {
    if (!mounts) {
        return to_grpc(mounts.error());
    }
    write_mounts(*mounts, *reply.mutable_mounts());
    return grpc::Status::OK;
}

template <class Reply>
grpc::Status answer_info(const Result<Info>& info, Reply& reply) {
    if (!info) {
        return to_grpc(info.error());
    }
    write_info(*info, *reply.mutable_info());
    return grpc::Status::OK;
}

} // namespace

grpc::Status SnapshotsService::Prepare(grpc::ServerContext*,
                                       const snapshots_api::PrepareSnapshotRequest* request,
                                       snapshots_api::PrepareSnapshotResponse* reply) {
    auto mounts =
        snapshotter_.prepare(request->key(), request->parent(), to_labels(request->labels()));
    log_request("prepare snapshot", mounts,
                {{"key", request->key()},
                 {"parent", request->parent()},
                 {"snapshotter", request->snapshotter()}});
    return answer_mounts(mounts, *reply);
}

grpc::Status SnapshotsService::View(grpc::ServerContext*,
                                    const snapshots_api::ViewSnapshotRequest* request,
                                    snapshots_api::ViewSnapshotResponse* reply) {
    auto mounts =
        snapshotter_.view(request->key(), request->parent(), to_labels(request->labels()));
    log_request("prepare view snapshot", mounts,
                {{"key", request->key()},
                 {"parent", request->parent()},
                 {"snapshotter", request->snapshotter()}});
    return answer_mounts(mounts, *reply);
}

grpc::Status SnapshotsService::Mounts(grpc::ServerContext*,
                                      const snapshots_api::MountsRequest* request,
                                      snapshots_api::MountsResponse* reply) {
    return answer_mounts(snapshotter_.mounts(request->key()), *reply);
}

grpc::Status SnapshotsService::Commit(grpc::ServerContext*,
                                      const snapshots_api::CommitSnapshotRequest* request,
                                      google::protobuf::Empty*) {
    auto done = snapshotter_.commit(request->name(), request->key(), to_labels(request->labels()),
                                    request->parent());
    log_request("commit snapshot", done,
                {{"key", request->key()},
                 {"name", request->name()},
                 {"parent", request->parent()},
                 {"snapshotter", request->snapshotter()}});
    return to_grpc(done);
}

grpc::Status SnapshotsService::Remove(grpc::ServerContext*,
                                      const snapshots_api::RemoveSnapshotRequest* request,
                                      google::protobuf::Empty*) {
    auto done = snapshotter_.remove(request->key());
    log_request("remove snapshot", done,
                {{"key", request->key()}, {"snapshotter", request->snapshotter()}});
    return to_grpc(done);
}

grpc::Status SnapshotsService::Stat(grpc::ServerContext*,
                                    const snapshots_api::StatSnapshotRequest* request,
                                    snapshots_api::StatSnapshotResponse* reply) {
    return answer_info(snapshotter_.stat(request->key()), *reply);
}

grpc::Status SnapshotsService::Update(grpc::ServerContext*,
                                      const snapshots_api::UpdateSnapshotRequest* request,
                                      snapshots_api::UpdateSnapshotResponse* reply) {
    auto info =
        snapshotter_.update(to_info(request->info()), to_strings(request->update_mask().paths()));
    log_request("update snapshot", info,
                {{"key", request->info().name()}, {"snapshotter", request->snapshotter()}});
    return answer_info(info, *reply);
}

grpc::Status
SnapshotsService::List(grpc::ServerContext*, const snapshots_api::ListSnapshotsRequest* request,
                       grpc::ServerWriter<snapshots_api::ListSnapshotsResponse>* stream) {
    snapshots_api::ListSnapshotsResponse batch;
    auto send = [&]() -> Status {
        if (!stream->Write(batch)) {
            return fail(ErrorCode::canceled, "the client left while snapshots were listed");
        }
        batch.clear_info();
        return {};
    };
    auto walked = snapshotter_.walk(to_strings(request->filters()), [&](const Info& info) {
        write_info(info, *batch.add_info());
        return batch.info_size() < kInfosPerMessage ? Status() : send();
    });
    if (walked && batch.info_size() > 0) {
        walked = send();
    }
    return to_grpc(walked);
}

grpc::Status SnapshotsService::Usage(grpc::ServerContext*,
                                     const snapshots_api::UsageRequest* request,
                                     snapshots_api::UsageResponse* reply) {
    auto usage = snapshotter_.usage(request->key());
    if (!usage) {
        return to_grpc(usage.error());
    }
    reply->set_size(static_cast<int64_t>(usage->size_bytes));
    reply->set_inodes(static_cast<int64_t>(usage->inodes));
    return grpc::Status::OK;
}

grpc::Status SnapshotsService::Cleanup(grpc::ServerContext*,
                                       const snapshots_api::CleanupRequest* request,
                                       google::protobuf::Empty*) {
    auto done = snapshotter_.cleanup();
    log_request("cleanup snapshots", done, {{"snapshotter", request->snapshotter()}});
    return to_grpc(done);
}

} // namespace lamina
