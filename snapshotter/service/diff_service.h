// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proto/diff.grpc.pb.h"
#include "snapshotter/service/convert.h"
#include "snapshotter/service/layer_applier.h"

namespace lamina {

// containerd's Diff service: Apply is a LayerApplier's, which outlives it. Diff is left to
// containerd's own differ. gRPC calls the handlers from any number of threads at once.
class DiffService final : public diff_api::Diff::Service {
  public:
    explicit DiffService(LayerApplier& applier) : applier_(applier) {}

    grpc::Status Apply(grpc::ServerContext* context, const diff_api::ApplyRequest* request,
                       diff_api::ApplyResponse* reply) override;
    grpc::Status Diff(grpc::ServerContext*, const diff_api::DiffRequest* request,
                      diff_api::DiffResponse* reply) override;

  private:
    LayerApplier& applier_;
};

} // namespace lamina
