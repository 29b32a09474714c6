// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/status.h>

#include "unpacker/base/result.h"

namespace lamina {

// The only place where an Error becomes gRPC's status, and back.
//
// containerd's client reads a message that ends in the words of an error class as that class
// (": conflict" turns a failed precondition into another error), so such an ending is cut off.
[[nodiscard]] grpc::Status to_grpc(const Error& error);
[[nodiscard]] grpc::Status to_grpc(const Status& status);

// For calls that we make ourselves. OK is an empty Status.
[[nodiscard]] Status from_grpc(const grpc::Status& status);

} // namespace lamina
