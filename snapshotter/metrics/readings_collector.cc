// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metrics/readings_collector.h"

#include <prometheus/metric_family.h>

namespace lamina {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily counter(const char* name, const char* help, uint64_t value) {
    ClientMetric metric;
    metric.counter.value = static_cast<double>(value);
    return {name, help, MetricType::Counter, {metric}};
}

MetricFamily gauge(const char* name, const char* help, uint64_t value) {
    ClientMetric metric;
    metric.gauge.value = static_cast<double>(value);
    return {name, help, MetricType::Gauge, {metric}};
}

} // namespace

std::vector<MetricFamily> ReadingsCollector::Collect() const {
    const Readings now = source_();
    return {
        gauge("lamina_applies_waiting",
              "Applies that wait for a place among the unpacks that may run at once.",
              now.applies_waiting),
        counter("lamina_lookahead_layers_staged_total", "Layers unpacked completely ahead.",
                now.layers_staged),
        counter("lamina_lookahead_layers_used_total", "Layers unpacked ahead that an Apply took.",
                now.layers_used),
        counter("lamina_lookahead_layers_wasted_total",
                "Layers whose unpack ahead was begun and that no Apply took.", now.layers_wasted),
        gauge("lamina_lookahead_staged_bytes",
              "Bytes of trees that wait for their Apply; of those being unpacked, an estimate.",
              now.staged_bytes),
        gauge("lamina_trash_trees", "Removed trees that are not deleted yet.", now.trash_trees),
        counter("lamina_flat_trees_made_total", "Flat trees that were made.", now.flat_trees_made),
        counter("lamina_flat_trees_failed_total",
                "Flat trees that were wanted and could not be made.", now.flat_trees_failed),
        counter("lamina_flat_tree_bytes_total",
                "Bytes that flat trees took beside the layers when they were made.",
                now.flat_tree_bytes)};
}

} // namespace lamina
