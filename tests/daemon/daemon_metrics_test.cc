// SPDX-License-Identifier: Apache-2.0
// What containerd-lamina-grpc tells Prometheus.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/diff.grpc.pb.h"
#include "snapshotter/service/convert.h"
#include "tests/daemon/daemon_process.h"
#include "tests/service/fake_content.h"
#include "tests/service/remote_snapshotter.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/support/scrape.h"
#include "tests/support/tar_builder.h"
#include "unpacker/base/digest.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using test::Daemon;
using test::Process;
using test::value_of;
using ::testing::HasSubstr;

constexpr const char* kOnAFreePort = "[metrics]\naddress = \"127.0.0.1:0\"\n";
constexpr const char* kTarLayer = "application/vnd.oci.image.layer.v1.tar";

// The port that the log names; 0 when it names none.
uint16_t metrics_port(const Process& process) {
    const std::string log = process.standard_error();
    const std::string before = "address=http://127.0.0.1:";
    const size_t at = log.find(before);
    return at == std::string::npos
               ? uint16_t{0}
               : static_cast<uint16_t>(std::stoul(log.substr(at + before.size())));
}

// Internet sockets on which the process listens, of those in /proc/<pid>/net/tcp{,6}.
size_t listening_sockets(pid_t pid) {
    std::set<std::string> own;
    for (const auto& fd : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
        std::error_code gone;
        own.insert(fs::read_symlink(fd.path(), gone).string());
    }
    size_t count = 0;
    for (const char* table : {"tcp", "tcp6"}) {
        std::ifstream file(fmt::format("/proc/{}/net/{}", pid, table));
        std::string line;
        std::getline(file, line); // names of the columns
        while (std::getline(file, line)) {
            std::istringstream columns(line);
            std::string column;
            std::string state;
            for (int i = 0; i < 10 && columns >> column; ++i) {
                state = i == 3 ? column : state;
            }
            constexpr const char* kListen = "0A";
            count += state == kListen && own.contains("socket:[" + column + "]") ? 1 : 0;
        }
    }
    return count;
}

std::string calls(const std::string& method, const std::string& code) {
    const std::string service = method == "Apply" ? "diff.v1.Diff" : "snapshots.v1.Snapshots";
    return fmt::format(
        "{{grpc_code=\"{}\",grpc_method=\"{}\",grpc_service=\"containerd.services.{}\","
        "grpc_type=\"unary\"}}",
        code, method, service);
}

class DaemonMetrics : public ::testing::Test {
  protected:
    void start(const std::string& config = "") {
        daemon_ = std::make_unique<Daemon>(
            fmt::format("{}[content]\nroot = \"{}\"\naddress = \"{}\"\n{}", kOnAFreePort,
                        blobs_.path(), content_.address(), config));
        daemon_->start();
        port_ = metrics_port(daemon_->process());
        ASSERT_NE(port_, 0) << daemon_->process().standard_error();
        snapshotter_ = std::make_unique<test::RemoteSnapshotter>(daemon_->connect());
    }

    std::string metric(const std::string& series) const {
        return value_of(test::http_get(port_, "/metrics"), series);
    }

    diff_api::ApplyRequest request_for(const std::string& key, const std::string& digest,
                                       size_t size) {
        auto mounts = snapshotter_->prepare(key, "", {});
        EXPECT_TRUE(mounts) << mounts.error().message;
        diff_api::ApplyRequest request;
        write_mounts(*mounts, *request.mutable_mounts());
        request.mutable_diff()->set_media_type(kTarLayer);
        request.mutable_diff()->set_digest(digest);
        request.mutable_diff()->set_size(static_cast<int64_t>(size));
        return request;
    }

    grpc::StatusCode apply(const diff_api::ApplyRequest& request) const {
        grpc::ClientContext context;
        diff_api::ApplyResponse reply;
        return diff_api::Diff::NewStub(daemon_->connect())
            ->Apply(&context, request, &reply)
            .error_code();
    }

    std::string store_blob(const std::string& bytes) const {
        Sha256 hash;
        hash.update(std::as_bytes(std::span(bytes)));
        const Digest digest = hash.finish();
        fs::create_directories(blobs_ / "blobs/sha256");
        std::ofstream(blobs_ / ("blobs/sha256/" + std::string(digest.hex()))) << bytes;
        return digest.text();
    }

    test::TempDir blobs_;
    test::FakeContent content_;
    std::unique_ptr<Daemon> daemon_;
    std::unique_ptr<test::RemoteSnapshotter> snapshotter_;
    uint16_t port_ = 0;
};

TEST_F(DaemonMetrics, CountCallsByMethodAndStatus) {
    start();
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Prepare", "OK")), "none");
    ASSERT_TRUE(snapshotter_->prepare("default/1/a", "", {}));
    ASSERT_TRUE(snapshotter_->prepare("default/1/b", "", {}));
    ASSERT_FALSE(snapshotter_->prepare("default/1/a", "", {}));
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Prepare", "OK")), "2");
    EXPECT_EQ(metric("grpc_server_handling_seconds_count" + calls("Prepare", "OK")), "2");
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Prepare", "AlreadyExists")), "1");
}

TEST_F(DaemonMetrics, CountLayersAndWhatIsInThem) {
    start();
    const std::string tar = test::tar({test::dir("etc"), test::file("etc/a", "x")});
    const auto request = request_for("default/1/a", store_blob(tar), tar.size());
    EXPECT_EQ(metric("lamina_layers_applied_total"), "0");
    ASSERT_EQ(apply(request), grpc::OK);
    EXPECT_EQ(metric("lamina_layers_applied_total"), "1");
    EXPECT_EQ(metric("lamina_layer_compressed_bytes_total"), std::to_string(tar.size()));
    EXPECT_EQ(metric("lamina_layer_uncompressed_bytes_total"), std::to_string(tar.size()));
    EXPECT_EQ(metric("lamina_layer_entries_total"), "2");
    const std::string hashing = "lamina_unpack_stage_seconds_total{stage=\"hash\",state=\"busy\"}";
    EXPECT_GT(std::stod(metric(hashing)), 0);
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Apply", "OK")), "1");
}

TEST_F(DaemonMetrics, CountAppliesThatFailButNotTheirLayers) {
    start();
    auto request = request_for("default/1/a", store_blob("no archive at all"), 17);
    const grpc::StatusCode code = apply(request);
    ASSERT_NE(code, grpc::OK);
    request.mutable_diff()->set_media_type("text/plain");
    ASSERT_EQ(apply(request), grpc::UNIMPLEMENTED);
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Apply", "Unimplemented")), "1");
    EXPECT_EQ(metric("grpc_server_handled_total" + calls("Apply", "OK")), "none");
    EXPECT_EQ(metric("lamina_layers_applied_total"), "0");
}

TEST_F(DaemonMetrics, ShowAppliesInFlightAndThoseThatWaitForAPlace) {
    const std::string in_flight =
        "lamina_calls_in_flight{grpc_method=\"Apply\",grpc_service=\"containerd.services.diff.v1."
        "Diff\",grpc_type=\"unary\"}";
    content_.wait_for_cancel = true; // their blob does not come to its end
    start("[unpack]\nmax_concurrent = 1\n");
    const auto first = request_for("default/1/a", "sha256:" + std::string(64, '0'), 1);
    const auto second = request_for("default/1/b", "sha256:" + std::string(64, '1'), 1);
    {
        std::jthread one([&] { (void)apply(first); });
        content_.reading.wait();
        std::jthread two([&] { (void)apply(second); });
        EXPECT_TRUE(test::eventually([&] { return metric("lamina_applies_waiting") == "1"; }));
        EXPECT_EQ(metric(in_flight), "2");
        content_.wait_for_cancel = false;
    }
    EXPECT_EQ(metric(in_flight), "0");
    EXPECT_EQ(metric("lamina_applies_waiting"), "0");
}

TEST_F(DaemonMetrics, ShowTheLookaheadAndTheTrash) {
    start();
    EXPECT_EQ(metric("lamina_lookahead_layers_staged_total"), "0");
    EXPECT_EQ(metric("lamina_lookahead_layers_used_total"), "0");
    EXPECT_EQ(metric("lamina_lookahead_layers_wasted_total"), "0");
    EXPECT_EQ(metric("lamina_lookahead_staged_bytes"), "0");
    ASSERT_TRUE(snapshotter_->prepare("default/1/a", "", {}));
    ASSERT_TRUE(snapshotter_->remove("default/1/a"));
    EXPECT_TRUE(test::eventually([&] { return metric("lamina_trash_trees") == "0"; }));
}

TEST_F(DaemonMetrics, CountFlatTrees) {
    start("[squash]\nmode = \"always\"\nmin_layers = 2\nkeep_base = 0\nwait = true\n");
    ASSERT_TRUE(snapshotter_->prepare("default/1/a", "", {}));
    ASSERT_TRUE(snapshotter_->commit("default/2/A", "default/1/a", {}, ""));
    ASSERT_TRUE(snapshotter_->prepare("default/3/b", "default/2/A", {}));
    EXPECT_EQ(metric("lamina_flat_trees_made_total"), "0");
    ASSERT_TRUE(snapshotter_->commit("default/4/B", "default/3/b", {}, ""));
    ASSERT_TRUE(snapshotter_->view("default/5/c", "default/4/B", {})); // waits for the tree
    EXPECT_EQ(metric("lamina_flat_trees_made_total"), "1");
    EXPECT_EQ(metric("lamina_flat_trees_failed_total"), "0");
    EXPECT_GT(std::stod(metric("lamina_flat_tree_bytes_total")), 0);
}

TEST_F(DaemonMetrics, EndWithTheDaemon) {
    start();
    daemon_->process().signal(SIGTERM);
    EXPECT_EQ(daemon_->process().wait(), 0);
    EXPECT_EQ(test::http_get(port_, "/metrics"), "refused");
}

TEST_F(DaemonMetrics, AddressThatIsTakenStopsTheStartAndIsNamed) {
    start();
    const std::string taken = fmt::format("127.0.0.1:{}", port_);
    Daemon second(fmt::format("[metrics]\naddress = \"{}\"\n", taken));
    Process& process = second.spawn();
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr("cannot serve metrics on " + taken));
    EXPECT_THAT(process.standard_error(), HasSubstr("Address already in use"));
    EXPECT_FALSE(fs::exists(second.address()));
}

TEST_F(DaemonMetrics, OneSocketListensWhenTheyAreWantedAndNoneByDefault) {
    start();
    EXPECT_EQ(listening_sockets(daemon_->process().pid()), 1u);
    Daemon by_default;
    by_default.start();
    EXPECT_EQ(listening_sockets(by_default.process().pid()), 0u);
}

TEST(DaemonMetricsConfig, AddressThatIsNoneStopsTheStartWithItsLine) {
    Daemon daemon("[metrics]\naddress = \"here\"\n");
    Process& process = daemon.spawn();
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr(daemon.config_file() + ":4:11: "));
}

} // namespace
} // namespace lamina
