// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

namespace lamina {

// What a client called. The texts live as long as the program.
struct CallName {
    std::string_view service; // "containerd.services.snapshots.v1.Snapshots"
    std::string_view method;  // "Prepare"
    bool is_streamed = false; // answers more than one message
};

// Is told of each call to one of containerd's services, in the call's own thread and by many at
// once; the call waits for it.
class CallObserver {
  public:
    virtual ~CallObserver() = default;
    virtual void begin(const CallName& call) = 0;
    // After begin(), once, just before the client gets the status. `code` is gRPC's: 0 for OK, else
    // mostly the value of an ErrorCode.
    virtual void end(const CallName& call, int code, std::chrono::duration<double> time) = 0;
};

} // namespace lamina
