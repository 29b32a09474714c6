// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include <grpcpp/server_context.h>

namespace lamina {

// Requests a stop when the caller of an RPC has cancelled, its deadline has passed, its
// connection broke, or the server shuts down: gRPC reports all of them as a cancelled call. Lives
// inside of the handler, whose `context` it borrows.
class CancelWatch {
  public:
    explicit CancelWatch(grpc::ServerContext& context);
    // Ends the watch; the token stays as it is.
    ~CancelWatch() = default;

    [[nodiscard]] std::stop_token token() const { return cancelled_.get_token(); }

  private:
    void watch(const std::stop_token& end);

    grpc::ServerContext& context_;
    std::stop_source cancelled_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_; // last: ends before what it uses
};

} // namespace lamina
