// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proto/snapshots.grpc.pb.h"
#include "snapshotter/core/snapshotter.h"
#include "snapshotter/service/convert.h"

namespace lamina {

// containerd's Snapshots service on top of a Snapshotter, which outlives it. Every handler
// converts, calls and converts back. gRPC calls them from any number of threads at once.
class SnapshotsService final : public snapshots_api::Snapshots::Service {
  public:
    explicit SnapshotsService(Snapshotter& snapshotter) : snapshotter_(snapshotter) {}

    grpc::Status Prepare(grpc::ServerContext*, const snapshots_api::PrepareSnapshotRequest* request,
                         snapshots_api::PrepareSnapshotResponse* reply) override;
    grpc::Status View(grpc::ServerContext*, const snapshots_api::ViewSnapshotRequest* request,
                      snapshots_api::ViewSnapshotResponse* reply) override;
    grpc::Status Mounts(grpc::ServerContext*, const snapshots_api::MountsRequest* request,
                        snapshots_api::MountsResponse* reply) override;
    grpc::Status Commit(grpc::ServerContext*, const snapshots_api::CommitSnapshotRequest* request,
                        google::protobuf::Empty* reply) override;
    grpc::Status Remove(grpc::ServerContext*, const snapshots_api::RemoveSnapshotRequest* request,
                        google::protobuf::Empty* reply) override;
    grpc::Status Stat(grpc::ServerContext*, const snapshots_api::StatSnapshotRequest* request,
                      snapshots_api::StatSnapshotResponse* reply) override;
    grpc::Status Update(grpc::ServerContext*, const snapshots_api::UpdateSnapshotRequest* request,
                        snapshots_api::UpdateSnapshotResponse* reply) override;
    grpc::Status List(grpc::ServerContext*, const snapshots_api::ListSnapshotsRequest* request,
                      grpc::ServerWriter<snapshots_api::ListSnapshotsResponse>* stream) override;
    grpc::Status Usage(grpc::ServerContext*, const snapshots_api::UsageRequest* request,
                       snapshots_api::UsageResponse* reply) override;
    grpc::Status Cleanup(grpc::ServerContext*, const snapshots_api::CleanupRequest* request,
                         google::protobuf::Empty* reply) override;

  private:
    Snapshotter& snapshotter_;
};

} // namespace lamina
