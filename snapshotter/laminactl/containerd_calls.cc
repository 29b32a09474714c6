// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/containerd_calls.h"

#include <utility>

#include "snapshotter/service/limits.h"

namespace lamina {
namespace {

std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    return grpc::CreateCustomChannel("unix:" + address, grpc::InsecureChannelCredentials(),
                                     arguments);
}

} // namespace

ContainerdCalls::ContainerdCalls(const std::string& address, std::string in_namespace,
                                 std::stop_token on_stop)
    : containerd_namespace(std::move(in_namespace)), stop(std::move(on_stop)) {
    const auto channel = open_channel(address);
    content = content_api::Content::NewStub(channel);
    diff = diff_api::Diff::NewStub(channel);
    images = images_api::Images::NewStub(channel);
    introspection = introspection_api::Introspection::NewStub(channel);
    leases = leases_api::Leases::NewStub(channel);
    snapshots = snapshots_api::Snapshots::NewStub(channel);
}

CallContext::CallContext(const ContainerdCalls& calls)
    : cancel_(calls.stop, [this] { context_.TryCancel(); }) {
    context_.AddMetadata("containerd-namespace", calls.containerd_namespace);
    if (!calls.lease.empty()) {
        context_.AddMetadata("containerd-lease", calls.lease);
    }
}

} // namespace lamina
