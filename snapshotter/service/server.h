// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "snapshotter/core/snapshotter.h"
#include "snapshotter/service/call_observer.h"
#include "snapshotter/service/layer_applier.h"
#include "unpacker/base/fd.h"

namespace lamina {

// The gRPC server: Snapshots, Diff, and gRPC's own health service. Each call has a thread of its
// own, so that unpacks, however many wait, never hold up the calls on snapshots.
class Server {
  public:
    // Serves what connects to `listener`, a listening stream socket. `observer` is null or is told
    // of each call. All parts outlive the server.
    static Result<std::unique_ptr<Server>> start(Snapshotter& snapshotter, LayerApplier& applier,
                                                 Fd listener, CallObserver* observer = nullptr);
    // As shutdown() with no time left, unless that was called.
    ~Server();

    // Accepts nothing more, lets running calls end for at most `grace`, cancels the others, and
    // returns when none runs any more. Closes the listener. By one thread, once.
    void shutdown(std::chrono::seconds grace);

  private:
    struct Parts;
    explicit Server(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

} // namespace lamina
