// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <grpcpp/support/server_interceptor.h>

#include "snapshotter/service/call_observer.h"

namespace lamina {

// What makes a server tell `observer`, which outlives it, of its calls. gRPC's health service is
// left out. gRPC calls its interceptors experimental; nothing else sees each call and its status.
[[nodiscard]] std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
interceptors_for(CallObserver& observer);

} // namespace lamina
