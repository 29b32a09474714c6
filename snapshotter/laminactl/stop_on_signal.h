// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace lamina {

// While it lives, the first SIGHUP, SIGINT or SIGTERM asks for a stop, so that a command can take
// away what it has half made; the second one ends the process at once. Those that were ignored stay
// so. SIGPIPE is ignored: that nobody reads the progress any more does not end the work. To be made
// before other threads, which inherit that they do not get these signals.
class StopOnSignal {
  public:
    StopOnSignal();
    ~StopOnSignal();
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

  private:
    sigset_t signals_;
    struct sigaction pipe_action_{};
    std::stop_source source_;
    std::jthread waiter_; // last: ends first
};

} // namespace lamina
