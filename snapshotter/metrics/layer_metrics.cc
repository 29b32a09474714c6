// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metrics/layer_metrics.h"

#include <prometheus/counter.h>

namespace lamina {
namespace {

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
    return counters(registry, name, help).Add({});
}

} // namespace

LayerMetrics::Stage::Stage(prometheus::Family<prometheus::Counter>& family, const char* name)
    : busy(family.Add({{"stage", name}, {"state", "busy"}})),
      awaiting_input(family.Add({{"stage", name}, {"state", "awaiting_input"}})),
      awaiting_output(family.Add({{"stage", name}, {"state", "awaiting_output"}})) {}

void LayerMetrics::Stage::count(const StageTime& time) {
    busy.Increment(time.busy);
    awaiting_input.Increment(time.awaiting_input);
    awaiting_output.Increment(time.awaiting_output);
}

LayerMetrics::LayerMetrics(prometheus::Registry& registry)
    : layers_(counter(registry, "lamina_layers_applied_total",
                      "Layers applied, with those that were unpacked ahead.")),
      compressed_bytes_(counter(registry, "lamina_layer_compressed_bytes_total",
                                "Bytes of the blobs of applied layers.")),
      uncompressed_bytes_(counter(registry, "lamina_layer_uncompressed_bytes_total",
                                  "Bytes of the archives in applied layers.")),
      entries_(counter(registry, "lamina_layer_entries_total",
                       "Entries of the archives in applied layers.")),
      seconds_(counters(registry, "lamina_unpack_stage_seconds_total",
                        "Time of the threads that unpacked applied layers, by stage and by what "
                        "they did.")),
      read_(seconds_, "read"), decode_(seconds_, "decode"), hash_(seconds_, "hash"),
      parse_(seconds_, "parse"), write_(seconds_, "write") {}

void LayerMetrics::count(const UnpackReport& report) {
    layers_.Increment();
    compressed_bytes_.Increment(static_cast<double>(report.blob_bytes));
    uncompressed_bytes_.Increment(static_cast<double>(report.uncompressed_bytes));
    entries_.Increment(static_cast<double>(report.entries));
    read_.count(report.times.read);
    decode_.count(report.times.decode);
    hash_.count(report.times.hash);
    parse_.count(report.times.parse);
    write_.count(report.times.write);
}

} // namespace lamina
