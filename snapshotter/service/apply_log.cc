// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/apply_log.h"

#include <array>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "snapshotter/service/layer_applier.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

// Microseconds are all that a reader of the log can use.
std::string rounded(double seconds) {
    return fmt::format("{:.6f}", seconds);
}

// Where the time went: what each stage did, and how long it waited at its queues.
void add_times(std::vector<log::Field>& fields, const StageTimes& times) {
    struct Named {
        std::string_view seconds, in_wait, out_wait;
        StageTime time;
    };
    const std::array stages{
        Named{"read_seconds", "", "read_out_wait", times.read},
        Named{"decode_seconds", "decode_in_wait", "decode_out_wait", times.decode},
        Named{"hash_seconds", "hash_in_wait", "", times.hash},
        Named{"parse_seconds", "parse_in_wait", "parse_out_wait", times.parse},
        Named{"write_seconds", "write_in_wait", "", times.write}};
    for (const Named& stage : stages) {
        fields.emplace_back(stage.seconds, rounded(stage.time.busy));
        if (!stage.in_wait.empty()) {
            fields.emplace_back(stage.in_wait, rounded(stage.time.awaiting_input));
        }
        if (!stage.out_wait.empty()) {
            fields.emplace_back(stage.out_wait, rounded(stage.time.awaiting_output));
        }
    }
}

} // namespace

void log_applied(const LayerToApply& layer, const std::string& key, const UnpackReport& report,
                 LayerOrigin origin) {
    std::vector<log::Field> fields{{"digest", layer.digest},
                                   {"diff_id", report.diff_id.text()},
                                   {"key", key},
                                   {"media_type", layer.media_type},
                                   {"bytes", report.blob_bytes},
                                   {"uncompressed_bytes", report.uncompressed_bytes},
                                   {"entries", report.entries},
                                   {"seconds", rounded(report.times.total_seconds)}};
    if (origin == LayerOrigin::cloned) { // no stage ran
        fields.emplace_back("shared", "true");
    } else {
        if (origin == LayerOrigin::staged) { // so the times are not this Apply's
            fields.emplace_back("staged", "true");
        }
        add_times(fields, report.times);
    }
    log::write(log::Level::info, "apply layer", fields);
}

void log_failed(const LayerToApply& layer, const std::string& key, const Error& error) {
    log::info(fmt::format("apply layer failed: {}", error.message),
              {{"digest", layer.digest}, {"key", key}, {"media_type", layer.media_type}});
}

} // namespace lamina
