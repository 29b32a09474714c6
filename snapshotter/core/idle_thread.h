// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lamina {

// From now on the calling thread runs only when processors and disk have nothing else to do:
// nice(2) 19 and the idle class of ioprio_set(2). Best effort.
void become_idle();

} // namespace lamina
