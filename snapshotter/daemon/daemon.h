// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshotter/daemon/config.h"
#include "snapshotter/daemon/shutdown_signals.h"

namespace lamina {

// Serves until a signal comes and the running calls have ended. failed_precondition when another
// daemon has the root or the address.
Status run_daemon(const Config& config, ShutdownSignals& signals);

} // namespace lamina
