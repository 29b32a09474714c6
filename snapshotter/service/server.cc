// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>

#include "snapshotter/service/acceptor.h"
#include "snapshotter/service/call_interceptor.h"
#include "snapshotter/service/diff_service.h"
#include "snapshotter/service/limits.h"
#include "snapshotter/service/snapshots_service.h"

namespace lamina {

struct Server::Parts {
    SnapshotsService snapshots;
    DiffService diff;
    std::unique_ptr<grpc::Server> grpc;
    std::unique_ptr<Acceptor> acceptor; // gone when shut down

    Parts(Snapshotter& snapshotter, LayerApplier& applier)
        : snapshots(snapshotter), diff(applier) {}
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
    shutdown(std::chrono::seconds(0));
}

Result<std::unique_ptr<Server>> Server::start(Snapshotter& snapshotter, LayerApplier& applier,
                                              Fd listener, CallObserver* observer) {
    grpc::EnableDefaultHealthCheckService(true);
    auto parts = std::make_unique<Parts>(snapshotter, applier);
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.RegisterService(&parts->snapshots);
    builder.RegisterService(&parts->diff);
    if (observer != nullptr) {
        builder.experimental().SetInterceptorCreators(interceptors_for(*observer));
    }
    parts->grpc = builder.BuildAndStart();
    if (!parts->grpc) {
        return fail(ErrorCode::internal, "gRPC did not start its server");
    }
    grpc::Server* server = parts->grpc.get();
    TRY_ASSIGN(parts->acceptor, Acceptor::start(std::move(listener), [server](Fd connection) {
                   grpc::AddInsecureChannelFromFd(server, connection.release());
               }));
    return std::unique_ptr<Server>(new Server(std::move(parts)));
}

void Server::shutdown(std::chrono::seconds grace) {
    if (parts_->acceptor) {
        parts_->acceptor.reset();
        parts_->grpc->GetHealthCheckService()->Shutdown();
        parts_->grpc->Shutdown(std::chrono::system_clock::now() + grace);
    }
}

} // namespace lamina
