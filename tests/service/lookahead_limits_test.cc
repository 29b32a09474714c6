// SPDX-License-Identifier: Apache-2.0
// What the look-ahead may take, of time and of space.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

#include "tests/service/lookahead_fixture.h"
#include "tests/snapshotter/core/eventually.h"

namespace lamina {
namespace {

using test::eventually;
using test::StoredImage;

class LookaheadLimits : public test::LookaheadTest {
  protected:
    // containerd does not answer what it is asked of this layer, until the question is given up.
    void hang_on(const StoredImage::Layer& layer) {
        before_question_ = [this, blob = layer.blob](const Digest& asked,
                                                     const std::stop_token& stop) {
            if (asked == blob) {
                std::mutex mutex;
                std::unique_lock lock(mutex);
                ++hanging_;
                std::condition_variable_any().wait(lock, stop, [] { return false; });
                ++given_up_;
            }
        };
    }

    const StoredImage image_ = test::image_of({"base", "second", "third", "fourth"});
    std::atomic<int> hanging_ = 0;
    std::atomic<int> given_up_ = 0;
};

TEST_F(LookaheadLimits, LayersThatNobodyAsksForExpire) {
    look_ahead_with(kBusy, std::chrono::milliseconds(1));
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    EXPECT_TRUE(eventually_empty());
    apply_all(image_, 1);
}

// As when containerd collects the garbage of a pull that was given up.
TEST_F(LookaheadLimits, StagedLayersGoWithTheSnapshotBelowThem) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    ASSERT_TRUE(snapshotter_->remove(committed_name("default", image_.layers[0].chain_id)));
    EXPECT_TRUE(eventually_empty());
    EXPECT_EQ(lookahead_->counts().wasted, 3U);
    apply_all(image_);
}

// Two clients unpack one image; containerd takes the snapshot of one of them.
TEST_F(LookaheadLimits, StagedLayersStayWhileOneOfTheSnapshotsBelowThemDoes) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    const std::string kept = committed_name("default", image_.layers[0].chain_id);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    const std::string other = committed_name("default", image_.layers[0].chain_id);
    ASSERT_NE(kept, other);
    ASSERT_TRUE(snapshotter_->remove(other));
    const int asked = snapshot_questions_;
    EXPECT_TRUE(eventually([&] { return snapshot_questions_ > asked + 4; })); // of both, of one
    EXPECT_EQ(lookahead_->counts().wasted, 0U);
    ASSERT_TRUE(snapshotter_->remove(kept));
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadLimits, NothingIsStagedWhereSpaceIsShort) {
    free_bytes_ = kFreeBytesMin;
    store_image(content_, "default", image_);
    apply_all(image_);
    EXPECT_EQ(lookahead_->counts().staged, 0U);
}

TEST_F(LookaheadLimits, StagedLayersGoWhenSpaceGetsShort) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    free_bytes_ = kFreeBytesMin - 1;
    EXPECT_TRUE(eventually([&] { return lookahead_->counts().wasted == 3; }));
    EXPECT_TRUE(eventually_empty());
    apply_all(image_, 1);
}

TEST_F(LookaheadLimits, UnpacksThatRunAtOnceShareTheRoom) {
    store_image(content_, "default", image_);
    std::vector<uint64_t> sizes;
    for (const auto& layer : image_.layers) {
        sizes.push_back(layer.bytes.size() * kTreeBytesPerBlobByte);
    }
    // Enough for any one of them, but not for two.
    free_bytes_ = kFreeBytesMin + *std::ranges::max_element(sizes) + 1;
    std::atomic<bool> is_held = true;
    std::atomic<int> begun = 0;
    before_unpack_ = [&](const UnpackTarget& target, const std::stop_token&) {
        if (target.root.find("/staging/") != std::string::npos) {
            ++begun;
            EXPECT_TRUE(eventually([&] { return !is_held; }));
        }
    };
    ASSERT_TRUE(apply(image_, 0));
    EXPECT_TRUE(eventually([&] { return begun == 1 && lookahead_->counts().wasted == 2; }));
    is_held = false;
    EXPECT_TRUE(eventually_staged(1));
    EXPECT_EQ(begun, 1);
    apply_all(image_, 1);
}

TEST_F(LookaheadLimits, ImageExpiresWhileContainerdDoesNotAnswer) {
    look_ahead_with(kBusy, std::chrono::milliseconds(1));
    store_image(content_, "default", image_);
    hang_on(image_.layers[0]);
    ASSERT_TRUE(apply(image_, 0));
    EXPECT_TRUE(eventually([&] { return given_up_ == 1; }));
}

TEST_F(LookaheadLimits, DiskIsWatchedWhileContainerdDoesNotAnswer) {
    store_image(content_, "default", image_);
    hang_on(image_.layers[3]);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(2));
    free_bytes_ = kFreeBytesMin - 1;
    EXPECT_TRUE(eventually([&] { return given_up_ == 1; }));
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadLimits, StopDoesNotWaitForContainerd) {
    store_image(content_, "default", image_);
    hang_on(image_.layers[0]);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return hanging_ == 1; }));
    look_ahead_with(0);
    EXPECT_EQ(given_up_, 1);
}

} // namespace
} // namespace lamina
