// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "proto/snapshots.grpc.pb.h"
#include "snapshotter/service/call_observer.h"
#include "snapshotter/service/convert.h"
#include "tests/service/mock_snapshotter.h"
#include "tests/service/served.h"
#include "unpacker/base/synchronized.h"

namespace lamina {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Return;

class Recorder final : public CallObserver {
  public:
    void begin(const CallName& call) override { events_.lock()->push_back("begin " + text(call)); }
    void end(const CallName& call, int code, std::chrono::duration<double> time) override {
        EXPECT_GT(time.count(), 0);
        events_.lock()->push_back("end " + text(call) + " " + std::to_string(code));
    }
    std::vector<std::string> seen() { return *events_.lock(); }

  private:
    static std::string text(const CallName& call) {
        return std::string(call.service) + "|" + std::string(call.method) +
               (call.is_streamed ? " streamed" : "");
    }
    Synchronized<std::vector<std::string>> events_;
};

class ObservedCalls : public ::testing::Test {
  protected:
    // Any call by its name, with any bytes as the request.
    grpc::StatusCode call(const std::string& method, const std::string& bytes = "") {
        grpc::GenericStub stub(served_.connect());
        grpc::ClientContext context;
        grpc::CompletionQueue queue;
        grpc::Slice slice(bytes);
        auto pending = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
        pending->StartCall();
        grpc::ByteBuffer reply;
        grpc::Status status;
        pending->Finish(&reply, &status, nullptr);
        void* tag = nullptr;
        bool ok = false;
        queue.Next(&tag, &ok);
        return status.error_code();
    }

    testing::NiceMock<test::MockSnapshotter> snapshotter_;
    UnpackSlots slots_{1};
    LayerApplier applier_{test::failing_parts(), slots_};
    Recorder recorder_;
    test::Served served_{snapshotter_, applier_, &recorder_};
};

TEST_F(ObservedCalls, AreToldWithTheStatusThatTheClientGets) {
    EXPECT_CALL(snapshotter_, remove(_))
        .WillOnce(Return(Status()))
        .WillOnce(Return(fail(ErrorCode::not_found, "no such snapshot")));
    const std::string name = "/containerd.services.snapshots.v1.Snapshots/Remove";
    EXPECT_EQ(call(name), grpc::OK);
    EXPECT_EQ(call(name), grpc::NOT_FOUND);
    const std::string seen = "containerd.services.snapshots.v1.Snapshots|Remove";
    EXPECT_THAT(recorder_.seen(), ElementsAre("begin " + seen, "end " + seen + " 0",
                                              "begin " + seen, "end " + seen + " 5"));
}

TEST_F(ObservedCalls, StreamsEndOnce) {
    EXPECT_CALL(snapshotter_, walk(_, _))
        .WillOnce([](const std::vector<std::string>&,
                     const std::function<Status(const Info&)>& visit) -> Status {
            for (int i = 0; i < 250; ++i) { // three messages
                TRY(visit(Info{}));
            }
            return {};
        });
    auto stub = snapshots_api::Snapshots::NewStub(served_.connect());
    grpc::ClientContext context;
    auto stream = stub->List(&context, {});
    int messages = 0;
    for (snapshots_api::ListSnapshotsResponse reply; stream->Read(&reply);) {
        ++messages;
    }
    ASSERT_TRUE(stream->Finish().ok());
    EXPECT_EQ(messages, 3);
    const std::string seen = "containerd.services.snapshots.v1.Snapshots|List streamed";
    EXPECT_THAT(recorder_.seen(), ElementsAre("begin " + seen, "end " + seen + " 0"));
}

TEST_F(ObservedCalls, DiffIsObservedToo) {
    EXPECT_EQ(call("/containerd.services.diff.v1.Diff/Diff"), grpc::UNIMPLEMENTED);
    const std::string seen = "containerd.services.diff.v1.Diff|Diff";
    EXPECT_THAT(recorder_.seen(), ElementsAre("begin " + seen, "end " + seen + " 12"));
}

TEST_F(ObservedCalls, RequestThatIsNoMessageEndsToo) {
    EXPECT_NE(call("/containerd.services.snapshots.v1.Snapshots/Remove", "\xff\xff\xff"), grpc::OK);
    const std::string seen = "containerd.services.snapshots.v1.Snapshots|Remove";
    EXPECT_THAT(recorder_.seen(), ElementsAre("begin " + seen, "end " + seen + " 13"));
}

// Else a client could make as many series as it likes.
TEST_F(ObservedCalls, NamesThatClientsMakeUpAreNot) {
    EXPECT_EQ(call("/containerd.services.snapshots.v1.Snapshots/Rename"), grpc::UNIMPLEMENTED);
    EXPECT_EQ(call("/containerd.made.up/Call"), grpc::UNIMPLEMENTED);
    EXPECT_THAT(recorder_.seen(), IsEmpty());
}

TEST_F(ObservedCalls, HealthChecksAreNot) {
    EXPECT_EQ(call("/grpc.health.v1.Health/Check"), grpc::OK);
    EXPECT_THAT(recorder_.seen(), IsEmpty());
}

} // namespace
} // namespace lamina
