// SPDX-License-Identifier: Apache-2.0
// What Prometheus gets to read.
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "snapshotter/metrics/call_metrics.h"
#include "snapshotter/metrics/layer_metrics.h"
#include "snapshotter/metrics/readings_collector.h"

namespace lamina {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr CallName kPrepare{"containerd.services.snapshots.v1.Snapshots", "Prepare"};
constexpr CallName kList{"containerd.services.snapshots.v1.Snapshots", "List", true};
constexpr int kOk = 0;
constexpr int kNotFound = 5;

// Lines of the text that begin with `start`.
std::vector<std::string> lines(const prometheus::Collectable& metrics, const std::string& start) {
    std::istringstream text(prometheus::TextSerializer().Serialize(metrics.Collect()));
    std::vector<std::string> found;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with(start)) {
            found.push_back(line);
        }
    }
    return found;
}

std::string labels(const std::string& method, const std::string& type = "unary") {
    return "grpc_method=\"" + method +
           "\",grpc_service=\"containerd.services.snapshots.v1.Snapshots\",grpc_type=\"" + type +
           "\"";
}

class CallMetricsText : public ::testing::Test {
  protected:
    void call(const CallName& name, int code, milliseconds time = milliseconds(2)) {
        calls_.begin(name);
        calls_.end(name, code, time);
    }

    prometheus::Registry registry_;
    CallMetrics calls_{registry_};
};

TEST_F(CallMetricsText, HasNoSeriesBeforeTheFirstCall) {
    EXPECT_THAT(lines(registry_, "grpc_"), IsEmpty());
    EXPECT_THAT(lines(registry_, "lamina_"), IsEmpty());
}

TEST_F(CallMetricsText, CountsByMethodAndStatus) {
    call(kPrepare, kOk);
    call(kPrepare, kOk);
    call(kPrepare, kNotFound);
    call(kList, kOk);
    EXPECT_THAT(lines(registry_, "grpc_server_handled_total"),
                UnorderedElementsAre(
                    "grpc_server_handled_total{grpc_code=\"OK\"," + labels("Prepare") + "} 2",
                    "grpc_server_handled_total{grpc_code=\"NotFound\"," + labels("Prepare") + "} 1",
                    "grpc_server_handled_total{grpc_code=\"OK\"," +
                        labels("List", "server_stream") + "} 1"));
}

TEST_F(CallMetricsText, BucketsHoldWhatTookNoLonger) {
    call(kPrepare, kOk, milliseconds(500));
    call(kPrepare, kOk, milliseconds(1000)); // just within
    call(kPrepare, kOk, milliseconds(2000));
    const std::string name = "grpc_server_handling_seconds";
    const std::string series = "{grpc_code=\"OK\"," + labels("Prepare");
    EXPECT_THAT(lines(registry_, name),
                IsSupersetOf({name + "_count" + series + "} 3", name + "_sum" + series + "} 3.5",
                              name + "_bucket" + series + ",le=\"0.3\"} 0",
                              name + "_bucket" + series + ",le=\"1\"} 2",
                              name + "_bucket" + series + ",le=\"3\"} 3",
                              name + "_bucket" + series + ",le=\"+Inf\"} 3"}));
}

TEST_F(CallMetricsText, CallsInFlightAreThoseThatHaveNotEnded) {
    calls_.begin(kPrepare);
    calls_.begin(kPrepare);
    calls_.end(kPrepare, kOk, milliseconds(1));
    EXPECT_THAT(lines(registry_, "lamina_calls_in_flight"),
                ElementsAre("lamina_calls_in_flight{" + labels("Prepare") + "} 1"));
}

TEST_F(CallMetricsText, CodesThatGrpcDoesNotKnowAreUnknown) {
    call(kPrepare, 17);
    call(kPrepare, -1);
    EXPECT_THAT(lines(registry_, "grpc_server_handled_total"),
                ElementsAre("grpc_server_handled_total{grpc_code=\"Unknown\"," + labels("Prepare") +
                            "} 2"));
}

TEST_F(CallMetricsText, ThreadsLoseNoCall) {
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([this] {
                for (int n = 0; n < 500; ++n) {
                    call(kPrepare, n % 2);
                }
            });
        }
    }
    EXPECT_THAT(
        lines(registry_, "grpc_server_handled_total"),
        UnorderedElementsAre(
            "grpc_server_handled_total{grpc_code=\"OK\"," + labels("Prepare") + "} 2000",
            "grpc_server_handled_total{grpc_code=\"Canceled\"," + labels("Prepare") + "} 2000"));
    EXPECT_THAT(lines(registry_, "lamina_calls_in_flight"),
                ElementsAre("lamina_calls_in_flight{" + labels("Prepare") + "} 0"));
}

UnpackReport some_report() {
    UnpackReport report{
        *Digest::parse("sha256:" + std::string(64, '0')), {}, {}, {}, {}, {}, {}, {}, {}};
    report.blob_bytes = 100;
    report.uncompressed_bytes = 4096;
    report.entries = 3;
    report.times.read = {.busy = 0.5, .awaiting_input = 0, .awaiting_output = 0.25};
    report.times.decode = {.busy = 1, .awaiting_input = 2, .awaiting_output = 3};
    report.times.hash = {.busy = 4, .awaiting_input = 5, .awaiting_output = 0};
    report.times.parse = {.busy = 6, .awaiting_input = 7, .awaiting_output = 8};
    report.times.write = {.busy = 9, .awaiting_input = 10, .awaiting_output = 0};
    return report;
}

class LayerMetricsText : public ::testing::Test {
  protected:
    prometheus::Registry registry_;
    LayerMetrics layers_{registry_};
};

TEST_F(LayerMetricsText, BeginsAtZero) {
    EXPECT_THAT(lines(registry_, "lamina_l"),
                UnorderedElementsAre(
                    "lamina_layers_applied_total 0", "lamina_layer_compressed_bytes_total 0",
                    "lamina_layer_uncompressed_bytes_total 0", "lamina_layer_entries_total 0"));
}

TEST_F(LayerMetricsText, AddsUpWhatWasInTheLayers) {
    layers_.count(some_report());
    layers_.count(some_report());
    EXPECT_THAT(lines(registry_, "lamina_l"),
                UnorderedElementsAre(
                    "lamina_layers_applied_total 2", "lamina_layer_compressed_bytes_total 200",
                    "lamina_layer_uncompressed_bytes_total 8192", "lamina_layer_entries_total 6"));
}

TEST_F(LayerMetricsText, TellsEachStagesTimeByState) {
    layers_.count(some_report());
    const auto series = [](const std::string& stage, const std::string& state,
                           const std::string& seconds) {
        return "lamina_unpack_stage_seconds_total{stage=\"" + stage + "\",state=\"" + state +
               "\"} " + seconds;
    };
    EXPECT_THAT(lines(registry_, "lamina_unpack_stage_seconds_total"),
                UnorderedElementsAre(
                    series("read", "busy", "0.5"), series("read", "awaiting_input", "0"),
                    series("read", "awaiting_output", "0.25"), series("decode", "busy", "1"),
                    series("decode", "awaiting_input", "2"),
                    series("decode", "awaiting_output", "3"), series("hash", "busy", "4"),
                    series("hash", "awaiting_input", "5"), series("hash", "awaiting_output", "0"),
                    series("parse", "busy", "6"), series("parse", "awaiting_input", "7"),
                    series("parse", "awaiting_output", "8"), series("write", "busy", "9"),
                    series("write", "awaiting_input", "10"),
                    series("write", "awaiting_output", "0")));
}

TEST(ReadingsText, IsWhatIsReadAtThatMoment) {
    Readings now;
    const ReadingsCollector collector([&now] { return now; });
    EXPECT_THAT(lines(collector, "lamina_"), ::testing::Each(::testing::EndsWith(" 0")));
    now = {.applies_waiting = 1,
           .layers_staged = 2,
           .layers_used = 3,
           .layers_wasted = 4,
           .staged_bytes = 16ULL << 30,
           .trash_trees = 6,
           .flat_trees_made = 7,
           .flat_trees_failed = 8,
           .flat_tree_bytes = 9};
    EXPECT_THAT(lines(collector, "lamina_"),
                ElementsAre("lamina_applies_waiting 1", "lamina_lookahead_layers_staged_total 2",
                            "lamina_lookahead_layers_used_total 3",
                            "lamina_lookahead_layers_wasted_total 4",
                            "lamina_lookahead_staged_bytes 17179869184", "lamina_trash_trees 6",
                            "lamina_flat_trees_made_total 7", "lamina_flat_trees_failed_total 8",
                            "lamina_flat_tree_bytes_total 9"));
}

// https://prometheus.io/docs/practices/naming: counters, and nothing else, end with _total.
TEST(MetricsText, TypesAndHelpFitTheNames) {
    prometheus::Registry registry;
    CallMetrics calls(registry);
    LayerMetrics layers(registry);
    calls.begin(kPrepare);
    calls.end(kPrepare, kOk, milliseconds(1));
    std::vector<prometheus::MetricFamily> families = registry.Collect();
    for (prometheus::MetricFamily& family :
         ReadingsCollector([] { return Readings(); }).Collect()) {
        families.push_back(std::move(family));
    }
    EXPECT_EQ(families.size(), 17u);
    for (const prometheus::MetricFamily& family : families) {
        EXPECT_EQ(family.type == prometheus::MetricType::Counter, family.name.ends_with("_total"))
            << family.name;
        EXPECT_THAT(family.help, ::testing::EndsWith(".")) << family.name;
    }
}

} // namespace
} // namespace lamina
