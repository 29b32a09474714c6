// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <latch>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/snapshots.grpc.pb.h"
#include "snapshotter/service/diff_service.h"
#include "tests/service/applier_fixture.h"
#include "tests/service/served.h"

namespace lamina {
namespace {

using test::ApplierFixture;
using ::testing::IsEmpty;

class DiffOverTheSocket : public ::testing::Test {
  protected:
    diff_api::ApplyRequest request_for(const std::string& key) {
        LayerToApply layer = fixture_.layer_for(key);
        diff_api::ApplyRequest request;
        request.mutable_diff()->set_media_type(layer.media_type);
        request.mutable_diff()->set_digest(layer.digest);
        write_mounts(layer.mounts, *request.mutable_mounts());
        return request;
    }

    // Unpacks write, count down, and then wait for their stop.
    void block_unpacks(std::latch& started, std::latch& stopped) {
        fixture_.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                              const std::stop_token& token) {
            started.count_down();
            auto report = ApplierFixture::wait_for_stop(blob, encoding, target, token);
            stopped.count_down();
            return report;
        };
    }

    ApplierFixture fixture_{256};
    test::Served served_{fixture_.snapshotter(), fixture_.applier()};
    std::shared_ptr<grpc::Channel> channel_ = served_.connect();
    std::unique_ptr<diff_api::Diff::Stub> stub_ = diff_api::Diff::NewStub(channel_);
    grpc::ClientContext context_;
    diff_api::ApplyResponse reply_;
};

TEST_F(DiffOverTheSocket, ApplyAnswersTheUncompressedLayer) {
    grpc::Status status = stub_->Apply(&context_, request_for("default/1/a"), &reply_);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_TRUE(reply_.has_applied());
    EXPECT_EQ(reply_.applied().media_type(), "application/vnd.oci.image.layer.v1.tar");
    EXPECT_EQ(reply_.applied().digest(), test::kSomeDigest);
    EXPECT_EQ(reply_.applied().size(), 4096);
}

TEST_F(DiffOverTheSocket, NamespaceComesFromTheMetadata) {
    context_.AddMetadata("containerd-namespace", "buildkit");
    ASSERT_TRUE(stub_->Apply(&context_, request_for("default/1/a"), &reply_).ok());
    EXPECT_EQ(fixture_.opened_namespace, "buildkit");
}

TEST_F(DiffOverTheSocket, PayloadsAreIgnored) {
    auto request = request_for("default/1/a");
    auto& payload = (*request.mutable_payloads())["io.containerd.ocicrypt.decoder.v1.tar"];
    payload.set_type_url("io.containerd.ocicrypt.v1.payload");
    payload.set_value("anything");
    EXPECT_TRUE(stub_->Apply(&context_, request, &reply_).ok());
}

TEST_F(DiffOverTheSocket, ForeignMountsAndUnknownTypesAreUnimplemented) {
    auto foreign = request_for("default/1/a");
    foreign.mutable_mounts(0)->set_source("/elsewhere");
    EXPECT_EQ(stub_->Apply(&context_, foreign, &reply_).error_code(), grpc::UNIMPLEMENTED);

    auto unknown = request_for("default/2/a");
    unknown.mutable_diff()->set_media_type("application/vnd.oci.image.layer.v1.tar+encrypted");
    grpc::ClientContext context;
    EXPECT_EQ(stub_->Apply(&context, unknown, &reply_).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(DiffOverTheSocket, EmptyRequestIsUnimplemented) {
    EXPECT_EQ(stub_->Apply(&context_, {}, &reply_).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(DiffOverTheSocket, DiffIsUnimplemented) {
    diff_api::DiffResponse reply;
    EXPECT_EQ(stub_->Diff(&context_, {}, &reply).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(DiffOverTheSocket, ErrorsKeepTheirCodeAndMessage) {
    fixture_.blob_error = fail(ErrorCode::not_found, "content sha256:00: not found");
    grpc::Status status = stub_->Apply(&context_, request_for("default/1/a"), &reply_);
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "content sha256:00");
}

TEST_F(DiffOverTheSocket, CancelledApplyStopsWritingAndLeavesNothing) {
    std::latch started(1);
    std::latch stopped(1);
    block_unpacks(started, stopped);
    auto request = request_for("default/1/a");
    std::jthread canceller([&] {
        started.wait();
        context_.TryCancel();
    });
    EXPECT_EQ(stub_->Apply(&context_, request, &reply_).error_code(), grpc::CANCELLED);
    stopped.wait();
    // The client is not told when the handler ends; remove() waits for its hold.
    EXPECT_TRUE(fixture_.snapshotter().remove("default/1/a"));
}

TEST_F(DiffOverTheSocket, ApplyBehindItsDeadlineStops) {
    std::latch started(1);
    std::latch stopped(1);
    block_unpacks(started, stopped);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    EXPECT_EQ(stub_->Apply(&context_, request_for("default/1/a"), &reply_).error_code(),
              grpc::DEADLINE_EXCEEDED);
    started.wait();
    stopped.wait();
}

TEST_F(DiffOverTheSocket, ShutdownWithoutTimeCancelsAnApplyAndWaitsForIt) {
    std::latch started(1);
    std::latch stopped(1);
    block_unpacks(started, stopped);
    auto request = request_for("default/1/a");
    std::jthread client([&] { EXPECT_FALSE(stub_->Apply(&context_, request, &reply_).ok()); });
    started.wait();
    served_.server().shutdown(std::chrono::seconds(0));
    EXPECT_TRUE(stopped.try_wait());
    EXPECT_THAT(fixture_.upper_entries("default/1/a"), IsEmpty());
}

TEST_F(DiffOverTheSocket, ShutdownLetsAnApplyEndInItsTime) {
    std::latch started(1);
    std::latch stopping(1);
    fixture_.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                          const std::stop_token& token) {
        started.count_down();
        stopping.wait();
        EXPECT_FALSE(token.stop_requested());
        return ApplierFixture::write_a_file(blob, encoding, target, token);
    };
    auto request = request_for("default/1/a");
    std::jthread client([&] { EXPECT_TRUE(stub_->Apply(&context_, request, &reply_).ok()); });
    started.wait();
    std::jthread releaser([&] { stopping.count_down(); });
    served_.server().shutdown(std::chrono::seconds(60));
}

TEST_F(DiffOverTheSocket, SixtyFourBlockedAppliesDoNotHoldUpPrepare) {
    constexpr int kApplies = 64;
    std::latch started(kApplies);
    std::latch stopped(kApplies);
    block_unpacks(started, stopped);
    std::vector<diff_api::ApplyRequest> requests;
    for (int i = 0; i < kApplies; ++i) {
        requests.push_back(request_for(fmt::format("default/{}/a", i)));
    }
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::jthread> clients;
    for (int i = 0; i < kApplies; ++i) {
        auto* context = contexts.emplace_back(std::make_unique<grpc::ClientContext>()).get();
        clients.emplace_back([this, context, &request = requests[static_cast<size_t>(i)]] {
            diff_api::ApplyResponse reply;
            EXPECT_EQ(stub_->Apply(context, request, &reply).error_code(), grpc::CANCELLED);
        });
    }
    started.wait();

    // On the connection of the Applies, as containerd has one for each address.
    auto snapshots = snapshots_api::Snapshots::NewStub(channel_);
    snapshots_api::PrepareSnapshotRequest request;
    request.set_key("default/100/b");
    snapshots_api::PrepareSnapshotResponse reply;
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    EXPECT_TRUE(snapshots->Prepare(&context_, request, &reply).ok());
    EXPECT_FALSE(stopped.try_wait());

    for (auto& context : contexts) {
        context->TryCancel();
    }
    stopped.wait();
}

} // namespace
} // namespace lamina
