// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metrics/metrics.h"

#include <exception>
#include <utility>

#include <CivetServer.h>
#include <fmt/format.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>

#include "snapshotter/metrics/call_metrics.h"
#include "snapshotter/metrics/layer_metrics.h"
#include "snapshotter/metrics/readings_collector.h"
#include "unpacker/base/log.h"

namespace lamina {

struct Metrics::Parts {
    std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
    CallMetrics calls{*registry};
    LayerMetrics layers{*registry};
};

Metrics::Metrics() : parts_(std::make_unique<Parts>()) {}
Metrics::~Metrics() = default;

CallObserver& Metrics::calls() {
    return parts_->calls;
}

void Metrics::count(const UnpackReport& report) {
    parts_->layers.count(report);
}

namespace {

// What the HTTP server said first in this thread since start(): why it could not listen.
thread_local std::string first_message;

int keep_message(const mg_connection*, const char* message) {
    if (first_message.empty()) {
        first_message = message;
    }
    log::debug("metrics server", {{"message", message}});
    return 1; // it does not write it anywhere
}

} // namespace

struct MetricsServer::Parts {
    std::shared_ptr<prometheus::Registry> registry;
    std::shared_ptr<ReadingsCollector> readings;
    CivetCallbacks callbacks;
    std::unique_ptr<prometheus::Exposer> exposer; // last: it uses the rest
};

MetricsServer::MetricsServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>>
MetricsServer::start(const Metrics& metrics, ReadingsSource readings, const std::string& address) {
    auto parts = std::make_unique<Parts>();
    parts->registry = metrics.parts_->registry;
    parts->readings = std::make_shared<ReadingsCollector>(std::move(readings));
    parts->callbacks.log_message = keep_message;
    constexpr size_t kThreads = 2; // one may have a client that does not go on
    first_message.clear();
    try {
        parts->exposer =
            std::make_unique<prometheus::Exposer>(address, kThreads, &parts->callbacks);
    } catch (const std::exception& error) {
        return fail(ErrorCode::unavailable,
                    fmt::format("cannot serve metrics on {}: {}", address,
                                first_message.empty() ? error.what() : first_message));
    }
    parts->exposer->RegisterCollectable(parts->registry);
    parts->exposer->RegisterCollectable(parts->readings);
    return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(parts)));
}

int MetricsServer::port() const {
    return parts_->exposer->GetListeningPorts().front();
}

} // namespace lamina
