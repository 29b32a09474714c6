// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/snapshots_service.h"
#include "tests/service/mock_snapshotter.h"
#include "tests/service/served.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Return;

const Labels kLabels{{"containerd.io/snapshot.ref", "sha256:ab"}};
const Mounts kMounts{{"bind", "/snapshots/1/fs", "", {"rw", "rbind"}}};

Info info_named(const std::string& name) {
    Info info;
    info.name = name;
    return info;
}

class SnapshotsOverTheSocket : public ::testing::Test {
  protected:
    template <class Request>
    static Request request_for_key() {
        Request request;
        request.set_snapshotter("lamina");
        request.set_key("key");
        return request;
    }

    template <class Request>
    static Request request_for_key_and_parent() {
        auto request = request_for_key<Request>();
        request.set_parent("parent");
        write_labels(kLabels, *request.mutable_labels());
        return request;
    }

    testing::StrictMock<test::MockSnapshotter> snapshotter_;
    UnpackSlots slots_{1};
    LayerApplier applier_{test::failing_parts(), slots_};
    test::Served served_{snapshotter_, applier_};
    std::unique_ptr<snapshots_api::Snapshots::Stub> stub_ =
        snapshots_api::Snapshots::NewStub(served_.connect());
    grpc::ClientContext context_;
};

TEST_F(SnapshotsOverTheSocket, PrepareHandsOverAllAndAnswersTheMounts) {
    EXPECT_CALL(snapshotter_, prepare("key", "parent", kLabels)).WillOnce(Return(kMounts));
    snapshots_api::PrepareSnapshotResponse reply;
    auto request = request_for_key_and_parent<snapshots_api::PrepareSnapshotRequest>();
    ASSERT_TRUE(stub_->Prepare(&context_, request, &reply).ok());
    EXPECT_EQ(to_mounts(reply.mounts()), kMounts);
}

TEST_F(SnapshotsOverTheSocket, ViewHandsOverAllAndAnswersTheMounts) {
    EXPECT_CALL(snapshotter_, view("key", "parent", kLabels)).WillOnce(Return(kMounts));
    snapshots_api::ViewSnapshotResponse reply;
    auto request = request_for_key_and_parent<snapshots_api::ViewSnapshotRequest>();
    ASSERT_TRUE(stub_->View(&context_, request, &reply).ok());
    EXPECT_EQ(to_mounts(reply.mounts()), kMounts);
}

TEST_F(SnapshotsOverTheSocket, MountsAnswersTheMounts) {
    EXPECT_CALL(snapshotter_, mounts("key")).WillOnce(Return(kMounts));
    snapshots_api::MountsResponse reply;
    auto request = request_for_key<snapshots_api::MountsRequest>();
    ASSERT_TRUE(stub_->Mounts(&context_, request, &reply).ok());
    EXPECT_EQ(to_mounts(reply.mounts()), kMounts);
}

TEST_F(SnapshotsOverTheSocket, CommitHandsOverNameKeyLabelsAndParent) {
    EXPECT_CALL(snapshotter_, commit("name", "key", kLabels, "parent")).WillOnce(Return(Status()));
    google::protobuf::Empty reply;
    auto request = request_for_key_and_parent<snapshots_api::CommitSnapshotRequest>();
    request.set_name("name");
    EXPECT_TRUE(stub_->Commit(&context_, request, &reply).ok());
}

TEST_F(SnapshotsOverTheSocket, StatAnswersAnInfoEvenWhenItIsAllDefaults) {
    EXPECT_CALL(snapshotter_, stat("key")).WillOnce(Return(Info{}));
    snapshots_api::StatSnapshotResponse reply;
    auto request = request_for_key<snapshots_api::StatSnapshotRequest>();
    ASSERT_TRUE(stub_->Stat(&context_, request, &reply).ok());
    EXPECT_TRUE(reply.has_info());
}

TEST_F(SnapshotsOverTheSocket, UpdateHandsOverFieldPathsAsTheyAre) {
    EXPECT_CALL(snapshotter_, update(Field(&Info::name, "key"),
                                     ElementsAre("labels.containerd.io/a.b", "labels")))
        .WillOnce(Return(Info{}));
    snapshots_api::UpdateSnapshotRequest request;
    request.mutable_info()->set_name("key");
    request.mutable_update_mask()->add_paths("labels.containerd.io/a.b");
    request.mutable_update_mask()->add_paths("labels");
    snapshots_api::UpdateSnapshotResponse reply;
    ASSERT_TRUE(stub_->Update(&context_, request, &reply).ok());
    EXPECT_TRUE(reply.has_info());
}

TEST_F(SnapshotsOverTheSocket, UpdateWithoutMaskHandsOverNoFieldPaths) {
    EXPECT_CALL(snapshotter_, update(Field(&Info::labels, kLabels), ElementsAre()))
        .WillOnce(Return(Info{}));
    snapshots_api::UpdateSnapshotRequest request;
    write_labels(kLabels, *request.mutable_info()->mutable_labels());
    snapshots_api::UpdateSnapshotResponse reply;
    EXPECT_TRUE(stub_->Update(&context_, request, &reply).ok());
}

TEST_F(SnapshotsOverTheSocket, UsageAnswersSizeAndInodes) {
    EXPECT_CALL(snapshotter_, usage("key"))
        .WillOnce(Return(Usage{.inodes = 3, .size_bytes = 8192}));
    snapshots_api::UsageResponse reply;
    auto request = request_for_key<snapshots_api::UsageRequest>();
    ASSERT_TRUE(stub_->Usage(&context_, request, &reply).ok());
    EXPECT_EQ(reply.size(), 8192);
    EXPECT_EQ(reply.inodes(), 3);
}

TEST_F(SnapshotsOverTheSocket, RemoveAndCleanupAnswerEmpty) {
    EXPECT_CALL(snapshotter_, remove("key")).WillOnce(Return(Status()));
    EXPECT_CALL(snapshotter_, cleanup()).WillOnce(Return(Status()));
    google::protobuf::Empty reply;
    auto request = request_for_key<snapshots_api::RemoveSnapshotRequest>();
    EXPECT_TRUE(stub_->Remove(&context_, request, &reply).ok());
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->Cleanup(&context, {}, &reply).ok());
}

TEST_F(SnapshotsOverTheSocket, EveryCallPassesItsErrorOn) {
    const Error error{ErrorCode::not_found, 0, "no snapshot \"key\""};
    EXPECT_CALL(snapshotter_, prepare).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, view).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, mounts).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, commit).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, remove).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, stat).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, update).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, walk).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, usage).WillOnce(Return(fail(error)));
    EXPECT_CALL(snapshotter_, cleanup).WillOnce(Return(fail(error)));

    auto expect_error = [](const grpc::Status& status) {
        EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
        EXPECT_EQ(status.error_message(), "no snapshot \"key\"");
    };
    auto call = [&]<class Request, class Reply>(auto method, Request request, Reply reply) {
        grpc::ClientContext context;
        expect_error((stub_.get()->*method)(&context, request, &reply));
    };
    using Stub = snapshots_api::Snapshots::Stub;
    using Empty = google::protobuf::Empty;
    namespace api = snapshots_api;
    call(&Stub::Prepare, api::PrepareSnapshotRequest(), api::PrepareSnapshotResponse());
    call(&Stub::View, api::ViewSnapshotRequest(), api::ViewSnapshotResponse());
    call(&Stub::Mounts, api::MountsRequest(), api::MountsResponse());
    call(&Stub::Commit, api::CommitSnapshotRequest(), Empty());
    call(&Stub::Remove, api::RemoveSnapshotRequest(), Empty());
    call(&Stub::Stat, api::StatSnapshotRequest(), api::StatSnapshotResponse());
    call(&Stub::Update, api::UpdateSnapshotRequest(), api::UpdateSnapshotResponse());
    call(&Stub::Usage, api::UsageRequest(), api::UsageResponse());
    call(&Stub::Cleanup, api::CleanupRequest(), Empty());
    api::ListSnapshotsResponse message;
    auto stream = stub_->List(&context_, {});
    EXPECT_FALSE(stream->Read(&message));
    expect_error(stream->Finish());
}

class ListOverTheSocket : public SnapshotsOverTheSocket,
                          public ::testing::WithParamInterface<std::pair<int, std::vector<int>>> {};

TEST_P(ListOverTheSocket, ComesInMessagesOfAtMostAHundred) {
    const auto& [count, expected_sizes] = GetParam();
    EXPECT_CALL(snapshotter_, walk(ElementsAre("kind==active"), testing::_))
        .WillOnce([count = count](auto&, const std::function<Status(const Info&)>& visit) {
            for (int i = 0; i < count; ++i) {
                EXPECT_TRUE(visit(info_named(fmt::format("{}", i))));
            }
            return Status();
        });
    snapshots_api::ListSnapshotsRequest request;
    request.add_filters("kind==active");
    auto stream = stub_->List(&context_, request);
    std::vector<int> sizes;
    int next = 0;
    for (snapshots_api::ListSnapshotsResponse message; stream->Read(&message);) {
        sizes.push_back(message.info_size());
        for (const auto& info : message.info()) {
            EXPECT_EQ(info.name(), fmt::format("{}", next++));
        }
    }
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(sizes, expected_sizes);
}

INSTANTIATE_TEST_SUITE_P(Counts, ListOverTheSocket,
                         ::testing::Values(std::pair{0, std::vector<int>{}},
                                           std::pair{1, std::vector{1}},
                                           std::pair{100, std::vector{100}},
                                           std::pair{101, std::vector{100, 1}},
                                           std::pair{250, std::vector{100, 100, 50}}));

TEST_F(SnapshotsOverTheSocket, LabelsNearTheMessageLimitArrive) {
    Info large = info_named("key");
    for (int i = 0; i < 3000; ++i) {
        large.labels[fmt::format("containerd.io/snapshot/{}", i)] = std::string(4000, 'x');
    }
    EXPECT_CALL(snapshotter_, update).WillOnce([](const Info& info, auto&) -> Result<Info> {
        return info_named(fmt::format("{}", info.labels.size()));
    });
    snapshots_api::UpdateSnapshotRequest request;
    write_info(large, *request.mutable_info());
    ASSERT_GT(request.ByteSizeLong(), 12'000'000u);
    snapshots_api::UpdateSnapshotResponse reply;
    ASSERT_TRUE(stub_->Update(&context_, request, &reply).ok());
    EXPECT_EQ(reply.info().name(), "3000");
}

TEST_F(SnapshotsOverTheSocket, KeysThatAreNoUtf8AreRefused) {
    auto request = request_for_key<snapshots_api::StatSnapshotRequest>();
    request.set_key("\xff");
    snapshots_api::StatSnapshotResponse reply;
    EXPECT_FALSE(stub_->Stat(&context_, request, &reply).ok());
}

} // namespace
} // namespace lamina
