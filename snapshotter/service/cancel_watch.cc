// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/cancel_watch.h"

#include <chrono>

namespace lamina {
namespace {

// A synchronous handler can only ask whether its call is cancelled. Short beside the time that
// containerd takes to remove the snapshot of a pull that was given up, long beside the question.
constexpr std::chrono::milliseconds kInterval{20};

} // namespace

CancelWatch::CancelWatch(grpc::ServerContext& context)
    : context_(context), thread_([this](const std::stop_token& end) { watch(end); }) {}

void CancelWatch::watch(const std::stop_token& end) {
    std::unique_lock lock(mutex_);
    while (!end.stop_requested()) {
        if (context_.IsCancelled()) {
            cancelled_.request_stop();
            return;
        }
        wake_.wait_for(lock, end, kInterval, [] { return false; });
    }
}

} // namespace lamina
