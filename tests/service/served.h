// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "snapshotter/service/server.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

// The real server on a real socket, for a snapshotter and an applier of the test, which outlive it,
// as does an observer.
class Served {
  public:
    Served(Snapshotter& snapshotter, LayerApplier& applier, CallObserver* observer = nullptr);

    // A connection of its own, as another process would have.
    [[nodiscard]] std::shared_ptr<grpc::Channel> connect() const;
    Server& server() { return *server_; }

  private:
    TempDir directory_;
    std::unique_ptr<Server> server_;
};

// An applier whose parts all fail; for tests that do not apply.
[[nodiscard]] LayerApplier::Parts failing_parts();

} // namespace lamina::test
