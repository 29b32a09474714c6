// SPDX-License-Identifier: Apache-2.0
#include "bench/rpc/client.h"

#include <grpcpp/grpcpp.h>

#include "unpacker/base/stopwatch.h"

namespace lamina::bench {
namespace {

using namespace containerd::services::snapshots::v1;

// containerd would collect snapshots that nothing refers to while they are being measured.
constexpr const char* kKeepLabel = "containerd.io/gc.root";

std::shared_ptr<grpc::Channel> connect(const std::string& socket) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);      // else all clients share one
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost"); // Go refuses the socket's path
    return grpc::CreateCustomChannel("unix://" + socket, grpc::InsecureChannelCredentials(),
                                     arguments);
}

void into_namespace(grpc::ClientContext& context) {
    context.AddMetadata("containerd-namespace", "bench");
}

Status to_status(std::string_view call, const grpc::Status& status) {
    if (status.ok()) {
        return {};
    }
    return fail(ErrorCode::unknown, std::string(call) + ": " + status.error_message());
}

} // namespace

std::string_view name_of(Method method) {
    constexpr std::array<std::string_view, kMethods> kNames{"prepare", "mounts", "stat", "commit",
                                                            "remove"};
    return kNames.at(static_cast<size_t>(method));
}

Client::Client(const Endpoint& endpoint)
    : snapshotter_(endpoint.snapshotter), stub_(Snapshots::NewStub(connect(endpoint.socket))) {}

template <class Call>
Status Client::timed(Method method, Call call) {
    grpc::ClientContext context;
    into_namespace(context);
    const Stopwatch watch;
    const grpc::Status status = call(context);
    latencies_.at(static_cast<size_t>(method)).push_back(watch.seconds() * 1e6);
    return to_status(name_of(method), status);
}

Status Client::prepare(const std::string& key, const std::string& parent) {
    PrepareSnapshotRequest request;
    request.set_snapshotter(snapshotter_);
    request.set_key(key);
    request.set_parent(parent);
    (*request.mutable_labels())[kKeepLabel] = "bench";
    PrepareSnapshotResponse response;
    return timed(Method::prepare,
                 [&](auto& context) { return stub_->Prepare(&context, request, &response); });
}

Status Client::commit(const std::string& name, const std::string& key) {
    CommitSnapshotRequest request;
    request.set_snapshotter(snapshotter_);
    request.set_name(name);
    request.set_key(key);
    (*request.mutable_labels())[kKeepLabel] = "bench";
    google::protobuf::Empty response;
    return timed(Method::commit,
                 [&](auto& context) { return stub_->Commit(&context, request, &response); });
}

Status Client::remove(const std::string& key) {
    RemoveSnapshotRequest request;
    request.set_snapshotter(snapshotter_);
    request.set_key(key);
    google::protobuf::Empty response;
    return timed(Method::remove,
                 [&](auto& context) { return stub_->Remove(&context, request, &response); });
}

Status Client::make_base(const std::string& name) {
    TRY(prepare(name + "-active", ""));
    return commit(name, name + "-active");
}

Status Client::round(const std::string& key, const std::string& parent) {
    TRY(prepare(key, parent));
    MountsRequest mounts;
    mounts.set_snapshotter(snapshotter_);
    mounts.set_key(key);
    MountsResponse mounts_response;
    TRY(timed(Method::mounts,
              [&](auto& context) { return stub_->Mounts(&context, mounts, &mounts_response); }));
    if (mounts_response.mounts().empty()) {
        return fail(ErrorCode::internal, "no mounts for " + key);
    }
    StatSnapshotRequest stat;
    stat.set_snapshotter(snapshotter_);
    stat.set_key(key);
    StatSnapshotResponse stat_response;
    TRY(timed(Method::stat,
              [&](auto& context) { return stub_->Stat(&context, stat, &stat_response); }));
    TRY(commit(key + "-committed", key));
    return remove(key + "-committed");
}

} // namespace lamina::bench
