// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/containerd_calls.h"

#include <random>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "snapshotter/service/limits.h"

namespace lamina {
namespace {

// With "unix://" or without it, as containerd's own programs take it.
std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
    constexpr std::string_view kScheme = "unix://";
    const std::string path = address.substr(address.starts_with(kScheme) ? kScheme.size() : 0);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    return grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments);
}

// Process IDs repeat, and in containers all are the same.
std::string name_of_run() {
    std::random_device random;
    return fmt::format("laminactl-squash-{:08x}{:08x}", random(), random());
}

} // namespace

ContainerdCalls::ContainerdCalls(const std::string& address, std::string in_namespace,
                                 std::chrono::milliseconds time, std::stop_token on_stop)
    : containerd_namespace(std::move(in_namespace)), call_time(time), run(name_of_run()),
      stop(std::move(on_stop)) {
    const auto channel = open_channel(address);
    content = content_api::Content::NewStub(channel);
    diff = diff_api::Diff::NewStub(channel);
    images = images_api::Images::NewStub(channel);
    introspection = introspection_api::Introspection::NewStub(channel);
    leases = leases_api::Leases::NewStub(channel);
    snapshots = snapshots_api::Snapshots::NewStub(channel);
}

CallContext::CallContext(const ContainerdCalls& calls, Time time)
    : cancel_(calls.stop, [this] { context_.TryCancel(); }) {
    if (time == Time::bounded) {
        context_.set_deadline(std::chrono::system_clock::now() + calls.call_time);
    }
    context_.AddMetadata("containerd-namespace", calls.containerd_namespace);
    if (!calls.lease.empty()) {
        context_.AddMetadata("containerd-lease", calls.lease);
    }
}

} // namespace lamina
