// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include <grpcpp/grpcpp.h>

#include "proto/content.grpc.pb.h"
#include "proto/diff.grpc.pb.h"
#include "proto/images.grpc.pb.h"
#include "proto/introspection.grpc.pb.h"
#include "proto/leases.grpc.pb.h"
#include "proto/snapshots.grpc.pb.h"

namespace lamina {

namespace content_api = ::containerd::services::content::v1;
namespace diff_api = ::containerd::services::diff::v1;
namespace images_api = ::containerd::services::images::v1;
namespace introspection_api = ::containerd::services::introspection::v1;
namespace leases_api = ::containerd::services::leases::v1;
namespace snapshots_api = ::containerd::services::snapshots::v1;

// containerd's services in one namespace.
struct ContainerdCalls {
    std::string containerd_namespace;
    std::chrono::milliseconds call_time;
    // Of this run, and of no other one: its lease, and what it uploads and unpacks, are called so.
    std::string run;
    std::string lease; // empty: none yet
    std::stop_token stop;
    std::unique_ptr<content_api::Content::Stub> content;
    std::unique_ptr<diff_api::Diff::Stub> diff;
    std::unique_ptr<images_api::Images::Stub> images;
    std::unique_ptr<introspection_api::Introspection::Stub> introspection;
    std::unique_ptr<leases_api::Leases::Stub> leases;
    std::unique_ptr<snapshots_api::Snapshots::Stub> snapshots;

    // Nothing is connected before the first call. `address` is a socket of this host.
    ContainerdCalls(const std::string& address, std::string in_namespace,
                    std::chrono::milliseconds time, std::stop_token on_stop);
};

// The context of one call: namespace and lease go along, and a stop cancels it.
class CallContext {
  public:
    // Calls that move content take as long as they take, others ContainerdCalls::call_time.
    enum class Time { bounded, any };
    explicit CallContext(const ContainerdCalls& calls, Time time = Time::bounded);

    grpc::ClientContext* get() { return &context_; }

  private:
    grpc::ClientContext context_;
    std::stop_callback<std::function<void()>> cancel_; // last: gone before the context
};

} // namespace lamina
