// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lamina {

// SIGTERM and SIGINT as something to wait for. Construct it before any thread is started, so that
// all threads inherit the blocked signals.
class ShutdownSignals {
  public:
    ShutdownSignals();

    // Waits for the first one and returns its number. From then on the next one ends the process
    // at once, for an operator who does not want to wait for the calls that still run.
    int wait();
};

} // namespace lamina
