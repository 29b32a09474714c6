// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/stop_on_signal.h"

#include <ctime>

#include <unistd.h>

namespace lamina {
namespace {

constexpr int kShellsSignalBase = 128; // exit status of a program that a signal ended, in a shell

void wait_for_signals(const sigset_t& signals, std::stop_source& source,
                      const std::stop_token& end) {
    constexpr timespec kLookUp{0, 100'000'000}; // how soon the end of the command is noticed
    while (!end.stop_requested()) {
        const int signal = sigtimedwait(&signals, nullptr, &kLookUp);
        if (signal > 0 && !source.request_stop()) {
            ::_exit(kShellsSignalBase + signal);
        }
    }
}

} // namespace

StopOnSignal::StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::jthread(
        [this](const std::stop_token& end) { wait_for_signals(signals_, source_, end); });
}

StopOnSignal::~StopOnSignal() {
    waiter_.request_stop();
    waiter_.join();
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

} // namespace lamina
