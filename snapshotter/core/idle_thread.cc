// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/idle_thread.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lamina {
namespace {

// From linux/ioprio.h, which newer kernels wrote in C that is not C++.
constexpr int kIoPriorityOfThread = 1; // IOPRIO_WHO_PROCESS
constexpr int kIdleClass = 3 << 13;    // IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT

} // namespace

// On Linux both calls take 0 for the thread, not the process (setpriority(2) "C library/kernel
// differences", ioprio_set(2)).
void become_idle() {
    constexpr int kNicest = 19;
    (void)::setpriority(PRIO_PROCESS, 0, kNicest);
    (void)::syscall(SYS_ioprio_set, kIoPriorityOfThread, 0, kIdleClass);
}

} // namespace lamina
