// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/registry.h>

#include "unpacker/pipeline/report.h"

namespace lamina {

// What was in the layers that were applied, and where the time of their unpacks went. Thread-safe.
class LayerMetrics {
  public:
    // Adds its families to `registry`, which outlives it.
    explicit LayerMetrics(prometheus::Registry& registry);

    void count(const UnpackReport& report);

  private:
    struct Stage {
        Stage(prometheus::Family<prometheus::Counter>& family, const char* name);
        void count(const StageTime& time);

        prometheus::Counter& busy;
        prometheus::Counter& awaiting_input;
        prometheus::Counter& awaiting_output;
    };

    prometheus::Counter& layers_;
    prometheus::Counter& compressed_bytes_;
    prometheus::Counter& uncompressed_bytes_;
    prometheus::Counter& entries_;
    prometheus::Family<prometheus::Counter>& seconds_;
    Stage read_, decode_, hash_, parse_, write_;
};

} // namespace lamina
