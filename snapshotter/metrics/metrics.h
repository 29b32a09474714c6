// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "snapshotter/metrics/readings.h"
#include "snapshotter/service/call_observer.h"
#include "unpacker/base/result.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

// What the daemon tells Prometheus. Thread-safe; each call costs less than a microsecond.
class Metrics {
  public:
    Metrics();
    ~Metrics();

    // Counts the calls that it is told of.
    [[nodiscard]] CallObserver& calls();
    // Counts a layer that was applied.
    void count(const UnpackReport& report);

  private:
    friend class MetricsServer;
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// Answers GET /metrics over HTTP, in threads of its own, until the end of its life, which takes up
// to two seconds (civetweb's SOCKET_TIMEOUT_QUANTUM).
class MetricsServer {
  public:
    // Listens on `address`, an IPv4 address and a port; port 0 is any free one. `metrics` and what
    // `readings` uses outlive it. unavailable, with the reason, when it cannot listen there.
    static Result<std::unique_ptr<MetricsServer>>
    start(const Metrics& metrics, ReadingsSource readings, const std::string& address);
    ~MetricsServer();

    [[nodiscard]] int port() const;

  private:
    struct Parts;
    explicit MetricsServer(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

} // namespace lamina
