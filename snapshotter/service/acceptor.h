// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "unpacker/base/fd.h"

namespace lamina {

// Accepts connections in a thread of its own. gRPC can only listen on sockets that it opened
// itself, so with a listening socket from systemd, or with a mode of our choice, this is our part.
class Acceptor {
  public:
    // `take` is called on that thread with each connection, which is non-blocking.
    static Result<std::unique_ptr<Acceptor>> start(Fd listener, std::function<void(Fd)> take);
    // Stops accepting, waits for `take`, and closes the listener.
    ~Acceptor();

  private:
    Acceptor(Fd listener, Fd wake, std::function<void(Fd)> take);
    void run(const std::stop_token& stop);
    bool accept_one();

    Fd listener_;
    Fd wake_; // eventfd(2)
    std::function<void(Fd)> take_;
    std::jthread thread_; // last: ends before what it uses
};

} // namespace lamina
