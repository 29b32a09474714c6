// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <prometheus/collectable.h>

#include "snapshotter/metrics/readings.h"

namespace lamina {

// Readings as metrics.
class ReadingsCollector final : public prometheus::Collectable {
  public:
    explicit ReadingsCollector(ReadingsSource source) : source_(std::move(source)) {}
    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

  private:
    const ReadingsSource source_;
};

} // namespace lamina
