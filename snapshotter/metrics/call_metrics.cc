// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metrics/call_metrics.h"

#include <array>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace lamina {
namespace {

// Go's names of gRPC's codes (google.golang.org/grpc/codes), by their numbers.
constexpr std::array<const char*, 17> kCodeNames{
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const char* code_name(int code) {
    const auto index = static_cast<size_t>(code);
    return index < kCodeNames.size() ? kCodeNames[index] : "Unknown";
}

// Half a decade each, from a Stat to the Apply of some gigabytes.
const prometheus::Histogram::BucketBoundaries kSeconds{
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};

prometheus::Labels labels_of(const CallName& call) {
    return {{"grpc_type", call.is_streamed ? "server_stream" : "unary"},
            {"grpc_service", std::string(call.service)},
            {"grpc_method", std::string(call.method)}};
}

} // namespace

CallMetrics::CallMetrics(prometheus::Registry& registry)
    : running_family_(prometheus::BuildGauge()
                          .Name("lamina_calls_in_flight")
                          .Help("Calls that have begun and not ended.")
                          .Register(registry)),
      handled_family_(prometheus::BuildCounter()
                          .Name("grpc_server_handled_total")
                          .Help("Calls that have ended, by the status that the client got.")
                          .Register(registry)),
      seconds_family_(prometheus::BuildHistogram()
                          .Name("grpc_server_handling_seconds")
                          .Help("Time from the begin of a call to its status.")
                          .Register(registry)) {}

void CallMetrics::begin(const CallName& call) {
    running(call).Increment();
}

void CallMetrics::end(const CallName& call, int code, std::chrono::duration<double> time) {
    const Ended series = ended(call, code);
    series.handled->Increment();
    series.seconds->Observe(time.count());
    running(call).Decrement();
}

prometheus::Gauge& CallMetrics::running(const CallName& call) {
    auto known = running_.lock();
    prometheus::Gauge*& series = (*known)[{call.service, call.method}];
    if (series == nullptr) {
        series = &running_family_.Add(labels_of(call));
    }
    return *series;
}

CallMetrics::Ended CallMetrics::ended(const CallName& call, int code) {
    auto known = ended_.lock();
    Ended& series = (*known)[{{call.service, call.method}, code}];
    if (series.handled == nullptr) {
        prometheus::Labels labels = labels_of(call);
        labels.emplace("grpc_code", code_name(code));
        series = {&handled_family_.Add(labels), &seconds_family_.Add(labels, kSeconds)};
    }
    return series;
}

} // namespace lamina
