// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "snapshotter/metrics/metrics.h"
#include "tests/support/scrape.h"

namespace lamina {
namespace {

using test::http_get;
using test::value_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MetricsServerTest : public ::testing::Test {
  protected:
    Result<std::unique_ptr<MetricsServer>> start(const std::string& address = "127.0.0.1:0") {
        return MetricsServer::start(metrics_, [this] { return readings_; }, address);
    }
    static uint16_t port_of(const MetricsServer& server) {
        return static_cast<uint16_t>(server.port());
    }

    Metrics metrics_;
    Readings readings_;
};

TEST_F(MetricsServerTest, TellsWhatWasCountedAndWhatIsReadNow) {
    readings_.trash_trees = 3;
    auto server = start();
    ASSERT_TRUE(server) << server.error().message;
    const CallName call{"containerd.services.diff.v1.Diff", "Apply"};
    metrics_.calls().begin(call);
    metrics_.calls().end(call, 0, std::chrono::milliseconds(1));
    const std::string text = http_get(port_of(**server), "/metrics");
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain"));
    EXPECT_EQ(value_of(text, "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Apply\","
                             "grpc_service=\"containerd.services.diff.v1.Diff\","
                             "grpc_type=\"unary\"}"),
              "1");
    EXPECT_EQ(value_of(text, "lamina_layers_applied_total"), "0");
    EXPECT_EQ(value_of(text, "lamina_trash_trees"), "3");
}

TEST_F(MetricsServerTest, HasNothingBesideTheMetrics) {
    auto server = start();
    ASSERT_TRUE(server) << server.error().message;
    const uint16_t port = port_of(**server);
    for (const char* path :
         {"/", "/etc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"}) {
        EXPECT_THAT(http_get(port, path), StartsWith("HTTP/1.1 404 ")) << path;
    }
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "NONSENSE"}) {
        const std::string answer = test::converse(
            test::connect_to(port),
            fmt::format("{} /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", method));
        EXPECT_THAT(answer, ::testing::Not(HasSubstr("lamina_"))) << method;
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 4")) << method;
    }
}

TEST_F(MetricsServerTest, AddressThatIsTakenIsAnErrorThatSaysSo) {
    auto first = start();
    ASSERT_TRUE(first) << first.error().message;
    const std::string address = fmt::format("127.0.0.1:{}", (*first)->port());
    auto second = start(address);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_THAT(second.error().message, StartsWith("cannot serve metrics on " + address + ": "));
    EXPECT_THAT(second.error().message, HasSubstr("Address already in use"));
}

TEST_F(MetricsServerTest, AddressOfAnotherHostIsAnErrorThatSaysSo) {
    auto server = start("192.0.2.1:9999"); // RFC 5737: nobody's
    ASSERT_FALSE(server);
    EXPECT_THAT(server.error().message, HasSubstr("Cannot assign requested address"));
}

TEST_F(MetricsServerTest, ClientThatDoesNotGoOnHoldsUpNobody) {
    auto server = start();
    ASSERT_TRUE(server) << server.error().message;
    const Fd half = test::connect_to(port_of(**server));
    ASSERT_GT(::send(half.get(), "GET /met", 8, MSG_NOSIGNAL), 0);
    EXPECT_THAT(http_get(port_of(**server), "/metrics"), StartsWith("HTTP/1.1 200 "));
    // It was not dropped meanwhile to make room.
    EXPECT_THAT(test::converse(half, "rics HTTP/1.1\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, ListensNoMoreAtTheEndOfItsLife) {
    uint16_t port = 0;
    {
        auto server = start();
        ASSERT_TRUE(server) << server.error().message;
        port = port_of(**server);
    }
    EXPECT_EQ(http_get(port, "/metrics"), "refused");
}

} // namespace
} // namespace lamina
