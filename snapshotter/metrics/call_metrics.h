// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string_view>
#include <tuple>

#include <prometheus/registry.h>

#include "snapshotter/service/call_observer.h"
#include "unpacker/base/synchronized.h"

namespace lamina {

// Calls by method and status. The names are those of go-grpc-prometheus, which containerd has for
// its own services, so that the same dashboards fit both.
class CallMetrics final : public CallObserver {
  public:
    // Adds its families to `registry`, which outlives it.
    explicit CallMetrics(prometheus::Registry& registry);

    void begin(const CallName& call) override;
    void end(const CallName& call, int code, std::chrono::duration<double> time) override;

  private:
    struct Ended {
        prometheus::Counter* handled = nullptr;
        prometheus::Histogram* seconds = nullptr;
    };
    using Method = std::tuple<std::string_view, std::string_view>; // service, method

    prometheus::Gauge& running(const CallName& call);
    Ended ended(const CallName& call, int code);

    prometheus::Family<prometheus::Gauge>& running_family_;
    prometheus::Family<prometheus::Counter>& handled_family_;
    prometheus::Family<prometheus::Histogram>& seconds_family_;
    // Series are made when they are first needed, and then found here: labels take a microsecond.
    Synchronized<std::map<Method, prometheus::Gauge*>> running_;
    Synchronized<std::map<std::pair<Method, int>, Ended>> ended_;
};

} // namespace lamina
