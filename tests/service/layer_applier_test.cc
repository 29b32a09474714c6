// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <latch>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/layer_applier.h"
#include "tests/service/applier_fixture.h"

namespace lamina {
namespace {

using test::ApplierFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LayerApplier, AnswersDiffIdAndUncompressedSize) {
    ApplierFixture fixture;
    auto applied = fixture.applier().apply(fixture.layer_for("default/1/a"), {});
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->diff_id.text(), test::kSomeDigest);
    EXPECT_EQ(applied->size, 4096u);
    EXPECT_THAT(fixture.upper_entries("default/1/a"), ElementsAre("layer-file"));
}

TEST(LayerApplier, CommitTakesTheUsageThatTheUnpackCounted) {
    ApplierFixture fixture;
    ASSERT_TRUE(fixture.applier().apply(fixture.layer_for("default/1/a"), {}));
    ASSERT_TRUE(fixture.snapshotter().commit("default/2/b", "default/1/a", {}, ""));
    EXPECT_EQ(*fixture.snapshotter().usage("default/2/b"),
              (Usage{.inodes = 7777, .size_bytes = 8888}));
}

TEST(LayerApplier, UnknownMediaTypesAreUnimplementedBeforeMountsAreLookedAt) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    for (const char* type :
         {"application/x-unknown", "", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"}) {
        layer.media_type = type;
        EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::unimplemented);
    }
    EXPECT_EQ(fixture.holds, 0);
}

TEST(LayerApplier, ForeignMountsAreUnimplementedBeforeTheDigestIsLookedAt) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    layer.mounts.front().source = "/var/lib/other/snapshots/1/fs";
    layer.digest = "no digest";
    EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::unimplemented);
}

TEST(LayerApplier, BadDigestsAndSizesAreInvalid) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    layer.size = -1;
    EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::invalid_argument);
    layer.size = 1;
    layer.digest = "sha256:00";
    EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::invalid_argument);
}

TEST(LayerApplier, BlobNamedByAnotherAlgorithmIsLeftToTheNextDiffer) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    layer.digest = "sha512:" + std::string(128, '0');
    EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::unimplemented);
}

TEST(LayerApplier, WhatTheFilesystemCannotDoIsNotLeftToTheNextDiffer) {
    ApplierFixture fixture;
    fixture.unpack = [](BlobSource&, Encoding, const UnpackTarget&,
                        const std::stop_token&) -> Result<UnpackReport> {
        return fail(errno_error("mknod", "whiteout", EOPNOTSUPP));
    };
    EXPECT_EQ(fixture.applier().apply(fixture.layer_for("default/1/a"), {}).error().code,
              ErrorCode::internal);
}

TEST(LayerApplier, FailedUnpackLeavesTheUpperDirectoryEmptyAndCanBeRepeated) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    fixture.unpack = [](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                        const std::stop_token& stop) -> Result<UnpackReport> {
        TRY(ApplierFixture::write_a_file(blob, encoding, target, stop));
        return fail(ErrorCode::data_loss, "truncated");
    };
    auto applied = fixture.applier().apply(layer, {});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::data_loss);
    EXPECT_THAT(fixture.upper_entries("default/1/a"), IsEmpty());

    fixture.unpack = ApplierFixture::write_a_file;
    EXPECT_TRUE(fixture.applier().apply(layer, {}));
    EXPECT_THAT(fixture.upper_entries("default/1/a"), ElementsAre("layer-file"));
}

// What Commit needs to know of the layer cannot be written where a directory is in its way.
TEST(LayerApplier, LayerThatCannotBeRememberedIsLoggedAsFailed) {
    ApplierFixture fixture;
    const LayerToApply layer = fixture.layer_for("default/1/a");
    const auto snapshot = std::filesystem::path(layer.mounts.front().source).parent_path();
    std::filesystem::create_directories(snapshot / "rebase");
    testing::internal::CaptureStderr();
    EXPECT_FALSE(fixture.applier().apply(layer, {}));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("apply layer failed"));
    EXPECT_THAT(fixture.upper_entries("default/1/a"), IsEmpty());
}

TEST(LayerApplier, BlobThatCannotBeOpenedIsTheError) {
    ApplierFixture fixture;
    fixture.blob_error = fail(ErrorCode::unavailable, "no containerd");
    auto applied = fixture.applier().apply(fixture.layer_for("default/1/a"), {});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::unavailable);
}

TEST(LayerApplier, BlobIsReadInTheNamespaceOfTheRequest) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("k8s.io/1/a/b c");
    layer.containerd_namespace = "buildkit";
    ASSERT_TRUE(fixture.applier().apply(layer, {}));
    EXPECT_EQ(fixture.opened_namespace, "buildkit");
}

TEST(LayerApplier, BlobIsReadInTheNamespaceOfTheKeyWhenTheRequestHasNone) {
    ApplierFixture fixture;
    ASSERT_TRUE(fixture.applier().apply(fixture.layer_for("k8s.io/1/a/b c"), {}));
    EXPECT_EQ(fixture.opened_namespace, "k8s.io");
}

TEST(LayerApplier, BindMountDeletesInPlaceAndOverlayMountMakesWhiteouts) {
    ApplierFixture fixture;
    std::vector<UnpackTarget> targets;
    fixture.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                         const std::stop_token& stop) {
        targets.push_back(target);
        return ApplierFixture::write_a_file(blob, encoding, target, stop);
    };
    ASSERT_TRUE(fixture.applier().apply(fixture.layer_for("default/1/a"), {}));
    ASSERT_TRUE(fixture.snapshotter().commit("default/2/b", "default/1/a", {}, ""));
    ASSERT_TRUE(fixture.applier().apply(fixture.layer_for("default/3/c", "default/2/b"), {}));
    ASSERT_EQ(targets.size(), 2u);
    EXPECT_EQ(targets[0].whiteouts, WhiteoutMode::delete_in_place);
    EXPECT_THAT(targets[0].lowerdirs, IsEmpty());
    EXPECT_EQ(targets[1].whiteouts, WhiteoutMode::overlay);
    EXPECT_THAT(targets[1].lowerdirs, ElementsAre(targets[0].root));
}

TEST(LayerApplier, LayerIsSyncedIfTheRequestSaysSo) {
    ApplierFixture fixture;
    LayerToApply layer = fixture.layer_for("default/1/a");
    EXPECT_TRUE(fixture.applier().apply(layer, {}));
    EXPECT_EQ(fixture.syncs, 0);
    layer = fixture.layer_for("default/2/b");
    layer.sync_filesystem = true;
    EXPECT_TRUE(fixture.applier().apply(layer, {}));
    EXPECT_EQ(fixture.syncs, 1);
}

TEST(LayerApplier, LayerThatCannotBeSyncedIsDiscarded) {
    ApplierFixture fixture;
    fixture.synced = fail(ErrorCode::internal, "the disk is gone");
    LayerToApply layer = fixture.layer_for("default/1/a");
    layer.sync_filesystem = true;
    const auto applied = fixture.applier().apply(layer, {});
    ASSERT_FALSE(applied);
    EXPECT_THAT(applied.error().message, HasSubstr("the disk is gone"));
    EXPECT_THAT(fixture.upper_entries("default/1/a"), IsEmpty());
}

// What commit() does to a layer that was applied apart from its parents is to be there, too.
TEST(LayerApplier, CommitKnowsWhetherALayerWasSynced) {
    for (const bool is_synced : {false, true}) {
        ApplierFixture fixture;
        LayerToApply layer = fixture.layer_for("default/1/a");
        layer.sync_filesystem = is_synced;
        ASSERT_TRUE(fixture.applier().apply(layer, {}));
        layer = fixture.rebased_layer_for("default/2/extract-1-a b");
        layer.sync_filesystem = is_synced;
        ASSERT_TRUE(fixture.applier().apply(layer, {}));
        ASSERT_TRUE(fixture.snapshotter().commit("default/3/c", "default/1/a", {}, ""));
        fixture.syncs = 0;
        ASSERT_TRUE(fixture.snapshotter().commit("default/4/d", "default/2/extract-1-a b", {},
                                                 "default/3/c"));
        EXPECT_EQ(fixture.syncs, is_synced ? 1 : 0);
    }
}

TEST(LayerApplier, StoppedApplyReturnsAfterItsUnpackAndLeavesNothing) {
    ApplierFixture fixture;
    std::stop_source stop;
    std::atomic<bool> unpack_ended = false;
    fixture.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                         const std::stop_token& token) {
        stop.request_stop();
        auto report = ApplierFixture::wait_for_stop(blob, encoding, target, token);
        unpack_ended = true;
        return report;
    };
    auto applied = fixture.applier().apply(fixture.layer_for("default/1/a"), stop.get_token());
    EXPECT_TRUE(unpack_ended);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::canceled);
    EXPECT_THAT(fixture.upper_entries("default/1/a"), IsEmpty());
}

TEST(LayerApplier, RemovalOfTheSnapshotStopsItsApply) {
    ApplierFixture fixture;
    std::latch unpacking(1);
    fixture.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                         const std::stop_token& token) {
        unpacking.count_down();
        return ApplierFixture::wait_for_stop(blob, encoding, target, token);
    };
    LayerToApply layer = fixture.layer_for("default/1/a");
    std::jthread remover([&] {
        unpacking.wait();
        EXPECT_TRUE(fixture.snapshotter().remove("default/1/a"));
    });
    EXPECT_EQ(fixture.applier().apply(layer, {}).error().code, ErrorCode::canceled);
}

TEST(LayerApplier, NoMoreThanTheLimitUnpackAtOnce) {
    constexpr int kLimit = 2;
    ApplierFixture fixture(kLimit);
    std::mutex mutex;
    std::condition_variable changed;
    int running = 0;
    int most = 0;
    fixture.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                         const std::stop_token& token) {
        std::unique_lock lock(mutex);
        most = std::max(most, ++running);
        changed.notify_all();
        // A moment for one too many to show up; its absence is what the test expects.
        changed.wait_for(lock, std::chrono::milliseconds(50), [&] { return most > kLimit; });
        --running;
        return ApplierFixture::write_a_file(blob, encoding, target, token);
    };
    std::vector<LayerToApply> layers;
    for (int i = 0; i < 6; ++i) {
        layers.push_back(fixture.layer_for(fmt::format("default/{}/a", i)));
    }
    {
        std::vector<std::jthread> callers;
        for (const LayerToApply& layer : layers) {
            callers.emplace_back([&] { EXPECT_TRUE(fixture.applier().apply(layer, {})); });
        }
    }
    EXPECT_LE(most, kLimit);
}

TEST(LayerApplier, StopEndsTheWaitForOtherUnpacks) {
    ApplierFixture fixture(1);
    std::latch unpacking(1);
    fixture.unpack = [&](BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                         const std::stop_token& token) {
        unpacking.count_down();
        return ApplierFixture::wait_for_stop(blob, encoding, target, token);
    };
    LayerToApply first = fixture.layer_for("default/1/a");
    LayerToApply second = fixture.layer_for("default/2/b");
    std::stop_source stop_first;
    std::jthread blocker(
        [&] { EXPECT_FALSE(fixture.applier().apply(first, stop_first.get_token())); });
    unpacking.wait();

    std::stop_source stop_second;
    stop_second.request_stop();
    auto queued = fixture.applier().apply(second, stop_second.get_token());
    ASSERT_FALSE(queued);
    EXPECT_THAT(queued.error().message, HasSubstr("waiting for other unpacks"));
    stop_first.request_stop();
}

} // namespace
} // namespace lamina
