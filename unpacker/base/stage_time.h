// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lamina {

// Where the time of one stage went, in seconds; of all its threads together.
struct StageTime {
    double busy = 0;
    double awaiting_input = 0;  // on the queue before it
    double awaiting_output = 0; // on the queues after it, or for a free buffer
};

} // namespace lamina
