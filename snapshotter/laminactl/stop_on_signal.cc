// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/stop_on_signal.h"

#include <ctime>

#include <unistd.h>

namespace lamina {
namespace {

constexpr int kShellsSignalBase = 128; // exit status of a program that a signal ended, in a shell

// Signals that whoever started the program has it ignore stay ignored: nohup(1) does so with
// SIGHUP, a shell with SIGINT of what runs in the background. While blocked they would be reported.
sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
        struct sigaction now{};
        if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
            sigaddset(&signals, signal);
        }
    }
    return signals;
}

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

StopOnSignal::StopOnSignal() : signals_(stop_signals()) {
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &pipe_action_);
    waiter_ = std::jthread(
        [this](const std::stop_token& end) { wait_for_signals(signals_, source_, end); });
}

StopOnSignal::~StopOnSignal() {
    waiter_.request_stop();
    waiter_.join();
    ::sigaction(SIGPIPE, &pipe_action_, nullptr);
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

} // namespace lamina
