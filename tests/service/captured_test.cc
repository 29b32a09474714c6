// SPDX-License-Identifier: Apache-2.0
// Requests as a real containerd sent them, see captured/README.md, against our .proto files.
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "snapshotter/service/convert.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr const char* kFirstChainId =
    "sha256:63088c10ab6a64f1869b0733bdd31bf127e13c69a1eb9c47b313da8c998c4bab";
constexpr const char* kSecondChainId =
    "sha256:ffdea0b9e9d0059eb137ed9e91d22fc194a14af50f3a7d9168ba6d19793c3782";

bool has_unknown_fields(const google::protobuf::Message& message) {
    const auto* reflection = message.GetReflection();
    if (!reflection->GetUnknownFields(message).empty()) {
        return true;
    }
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const auto* field : fields) {
        if (field->message_type() == nullptr) {
            continue;
        }
        int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
        for (int i = 0; i < count; ++i) {
            if (has_unknown_fields(field->is_repeated()
                                       ? reflection->GetRepeatedMessage(message, field, i)
                                       : reflection->GetMessage(message, field))) {
                return true;
            }
        }
    }
    return false;
}

// Decodes a file, and holds our message to it: nothing unknown, and as many bytes again.
template <class Request>
Request captured(const std::string& name) {
    std::ifstream file(LAMINA_CAPTURED "/" + name, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_FALSE(bytes.empty()) << name;
    Request request;
    EXPECT_TRUE(request.ParseFromString(bytes)) << name;
    EXPECT_FALSE(has_unknown_fields(request)) << request.DebugString();
    EXPECT_EQ(request.ByteSizeLong(), bytes.size());
    return request;
}

TEST(Captured, PrepareOfALayerInParallelHasNoParentButLabels) {
    auto request = captured<snapshots_api::PrepareSnapshotRequest>("prepare_without_parent.bin");
    EXPECT_EQ(request.snapshotter(), "lamina");
    EXPECT_EQ(request.key(), std::string("default/2/extract-385569152-jh3_ ") + kSecondChainId);
    EXPECT_EQ(request.parent(), "");
    EXPECT_THAT(to_labels(request.labels()),
                UnorderedElementsAre(
                    Pair("containerd.io/snapshot.ref", kSecondChainId),
                    Pair("containerd.io/snapshot/diff-id",
                         "sha256:821af39c6dd4dbfa0aa623756da8596a30e82c961d3e14e46ea81253b404a0c4"),
                    Pair("containerd.io/snapshot/parent-chain-id", kFirstChainId)));
}

TEST(Captured, PrepareOnAParentNamesIt) {
    auto request = captured<snapshots_api::PrepareSnapshotRequest>("prepare.bin");
    EXPECT_EQ(request.parent(), std::string("default/9/") + kFirstChainId);
    EXPECT_THAT(to_labels(request.labels()), IsEmpty());
}

TEST(Captured, ApplyCarriesDescriptorAndMounts) {
    auto request = captured<diff_api::ApplyRequest>("apply_without_parent.bin");
    EXPECT_EQ(request.diff().media_type(), "application/vnd.oci.image.layer.v1.tar+gzip");
    EXPECT_EQ(request.diff().digest(),
              "sha256:a21b0fd99c3f08805aa4700ce7a23980023e4e73a523bd89fd4b2c374a479f77");
    EXPECT_EQ(request.diff().size(), 116);
    EXPECT_FALSE(request.sync_fs());
    Mounts mounts = to_mounts(request.mounts());
    ASSERT_EQ(mounts.size(), 1u);
    EXPECT_EQ(mounts[0].type, "overlay");
    EXPECT_EQ(mounts[0].source, "overlay");
    EXPECT_THAT(mounts[0].options,
                ElementsAre(EndsWith("/snapshots/2/work"), EndsWith("/snapshots/2/fs"),
                            EndsWith("/snapshots/empty"), "index=off"));
}

TEST(Captured, ApplyCarriesSyncFs) {
    auto request = captured<diff_api::ApplyRequest>("apply_sync_fs.bin");
    EXPECT_TRUE(request.sync_fs());
    EXPECT_EQ(request.diff().size(), 117);
}

TEST(Captured, CommitCarriesTheParentOfARebase) {
    auto request = captured<snapshots_api::CommitSnapshotRequest>("commit_with_parent.bin");
    EXPECT_EQ(request.name(), std::string("default/5/") + kSecondChainId);
    EXPECT_EQ(request.key(), std::string("default/2/extract-385569152-jh3_ ") + kSecondChainId);
    EXPECT_EQ(request.parent(), std::string("default/4/") + kFirstChainId);
    EXPECT_EQ(request.labels_size(), 3);
}

TEST(Captured, UpdateNamesAFilteredLabelWithoutValueAndHasGosZeroTime) {
    auto request = captured<snapshots_api::UpdateSnapshotRequest>("update.bin");
    Info info = to_info(request.info());
    EXPECT_EQ(info.name, "default/7/mykey");
    EXPECT_THAT(info.labels, ElementsAre(Pair("containerd.io/snapshot/colour", "blue")));
    EXPECT_THAT(to_strings(request.update_mask().paths()),
                ElementsAre("labels.other", "labels.containerd.io/snapshot/colour"));
    EXPECT_EQ(request.info().created_at().seconds(), -62'135'596'800);
    EXPECT_LT(info.created, Timestamp());
}

TEST(Captured, GarbageCollectionListsRemovesAndCleansUp) {
    auto list = captured<snapshots_api::ListSnapshotsRequest>("list.bin");
    EXPECT_EQ(list.snapshotter(), "lamina");
    EXPECT_EQ(list.filters_size(), 0);
    auto remove = captured<snapshots_api::RemoveSnapshotRequest>("remove.bin");
    EXPECT_THAT(remove.key(), testing::StartsWith("default/6/sha256:"));
    auto cleanup = captured<snapshots_api::CleanupRequest>("cleanup.bin");
    EXPECT_EQ(cleanup.snapshotter(), "lamina");
}

} // namespace
} // namespace lamina
