// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/daemon/shutdown_signals.h"

#include <csignal>

#include "unpacker/base/check.h"

namespace lamina {
namespace {

sigset_t shutdown_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

} // namespace

ShutdownSignals::ShutdownSignals() {
    sigset_t signals = shutdown_signals();
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
}

int ShutdownSignals::wait() {
    sigset_t signals = shutdown_signals();
    int signal = 0;
    CHECK(sigwait(&signals, &signal) == 0);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &signals, nullptr) == 0);
    return signal;
}

} // namespace lamina
