// SPDX-License-Identifier: Apache-2.0
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/lookahead_fixture.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/squash_fixture.h"
#include "tests/support/encoders.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/tar_builder.h"

namespace lamina {
namespace {

using test::dir;
using test::eventually;
using test::file;
using test::LayerBlobs;
using test::make_image;
using test::StoredImage;
using test::tar;

// Layers that need those below: folders that no entry names, whiteouts, and at last an opaque root.
StoredImage image_with_everything() {
    return make_image({
        tar({dir("etc", 0750).owner(3, 4), file("etc/a", "one"), dir("usr"), file("usr/x", "x"),
             dir("srv", 02755).owner(7, 8).xattr("user.note", "low"), file("srv/f", "f")}),
        tar({file("etc/b", "two"), test::whiteout("usr/x")}),
        tar({file("srv/new/deep", "three"), test::whiteout("etc/a"), test::opaque("usr")}),
        tar({file("etc/c", "four"), test::opaque("")}),
    });
}

class LookaheadUnpacks : public test::LookaheadTest {
  protected:
    // From now on the unpack of a staged layer waits for open_gate() or its stop.
    void close_gate() {
        before_unpack_ = [this](const UnpackTarget& target, const std::stop_token& stop) {
            if (target.root.find("/staging/") != std::string::npos) {
                std::unique_lock lock(gate_mutex_);
                ++at_gate_;
                gate_.wait(lock, stop, [&] { return is_open_; });
            }
        };
    }
    void open_gate() {
        const std::lock_guard lock(gate_mutex_);
        is_open_ = true;
        gate_.notify_all();
    }

    const StoredImage image_ = test::image_of({"base", "second", "third", "fourth"});
    std::atomic<int> at_gate_ = 0;

  private:
    std::mutex gate_mutex_;
    std::condition_variable_any gate_;
    bool is_open_ = false;
};

TEST_F(LookaheadUnpacks, TreesAreThoseThatAnApplyMakesItself) {
    const StoredImage image = image_with_everything();
    store_image(content_, "direct", image);
    look_ahead_with(0);
    apply_all(image, 0, "direct");

    look_ahead_with(kBusy);
    store_image(content_, "default", image);
    ASSERT_TRUE(apply(image, 0));
    ASSERT_TRUE(eventually_staged(3));
    apply_all(image, 1);
    EXPECT_EQ(trees(image), trees(image, "direct"));
    EXPECT_EQ(lookahead_->counts().used, 3U);
    EXPECT_EQ(lookahead_->counts().wasted, 0U);
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, UsageIsThatOfTheFinishedTree) {
    const StoredImage image = image_with_everything();
    store_image(content_, "default", image);
    ASSERT_TRUE(apply(image, 0));
    ASSERT_TRUE(eventually_staged(3));
    apply_all(image, 1);
    ASSERT_TRUE(snapshotter_->walk({"kind==committed"}, [&](const Info& info) -> Status {
        auto mounts = snapshotter_->view(fresh_name("default", "view"), info.name, {});
        EXPECT_TRUE(mounts);
        const std::string options = mounts->front().options.front();
        const bool is_bind = mounts->front().type == "bind";
        const std::string lower =
            is_bind ? mounts->front().source : options.substr(9, options.find(':') - 9);
        auto directory = open_directory(lower);
        EXPECT_TRUE(directory) << lower;
        EXPECT_EQ(*snapshotter_->usage(info.name), *measure_usage(directory->get())) << lower;
        return {};
    }));
}

TEST_F(LookaheadUnpacks, ApplyWaitsForALayerThatIsBeingUnpacked) {
    close_gate();
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return at_gate_ == kBusy; }));
    std::jthread opener([&] { open_gate(); });
    apply_all(image_, 1);
    EXPECT_EQ(unpacks_of(image_.layers[1]), 1);
    EXPECT_EQ(unpacks_of(image_.layers[2]), 1);
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, ApplyOfALayerThatWaitsItsTurnUnpacksItself) {
    look_ahead_with(1);
    close_gate();
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return at_gate_ == 1; })); // with the second layer
    std::jthread opener([&] { open_gate(); });
    apply_all(image_, 1);
    for (const auto& layer : image_.layers) {
        EXPECT_EQ(unpacks_of(layer), 1);
    }
}

TEST_F(LookaheadUnpacks, CancelledApplyThrowsEverythingAway) {
    close_gate();
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return at_gate_ == kBusy; }));
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    const auto applied = apply(image_, 1, "default", stop.get_token());
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::canceled);
    EXPECT_TRUE(eventually([&] { return lookahead_->counts().wasted == kBusy; }));
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, PullThatWasCancelledCanBeRepeated) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    std::stop_source stop;
    stop.request_stop();
    content_.remove("default", image_.layers[1].blob);
    look_ahead_with(kBusy); // what was staged is gone
    EXPECT_TRUE(eventually_empty());
    ASSERT_FALSE(apply(image_, 1, "default", stop.get_token()));
    content_.add("default", image_.layers[1].bytes);
    apply_all(image_, 1);
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, BlobThatComesLaterIsStagedThen) {
    store_image(content_, "default", image_, LayerBlobs::none);
    content_.add("default", image_.layers[0].bytes);
    content_.add("default", image_.layers[2].bytes);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(1));
    content_.add("default", image_.layers[1].bytes);
    content_.add("default", image_.layers[3].bytes);
    ASSERT_TRUE(eventually_staged(3));
    apply_all(image_, 1);
    EXPECT_EQ(lookahead_->counts().used, 3U);
}

TEST_F(LookaheadUnpacks, BlobThatNeverComesIsTheErrorOfItsOwnApply) {
    store_image(content_, "default", image_);
    content_.remove("default", image_.layers[2].blob);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(2));
    ASSERT_TRUE(apply(image_, 1));
    const auto applied = apply(image_, 2);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::not_found);
    EXPECT_EQ(lookahead_->counts().wasted, 1U); // the last layer, which nobody will ask for now
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, BlobThatCannotBeUnpackedIsTheErrorOfItsOwnApply) {
    StoredImage image = make_image({tar({file("base")}), "this is no tar", tar({file("last")})});
    store_image(content_, "default", image);
    ASSERT_TRUE(apply(image, 0));
    ASSERT_TRUE(eventually([&] { return lookahead_->counts().wasted == 1; }));
    const auto applied = apply(image, 1);
    ASSERT_FALSE(applied);
    EXPECT_NE(applied.error().code, ErrorCode::canceled);
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, ConfigurationWithAWrongDiffIdDoesNotChangeWhatApplyAnswers) {
    StoredImage image = image_;
    const std::string wrong = "sha256:" + std::string(64, '0');
    image.config.replace(image.config.find(image_.layers[3].diff_id.text()), wrong.size(), wrong);
    image.manifest.replace(image.manifest.find(test::digest_of(image_.config).text()), 71,
                           test::digest_of(image.config).text());
    store_image(content_, "default", image);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    apply_all(image_, 1); // expects the blob's own diff ID
    EXPECT_EQ(lookahead_->counts().used, 3U);
}

// containerd takes nothing from there on.
TEST_F(LookaheadUnpacks, LayersAboveOneOfAnotherDiffIdAreThrownAway) {
    StoredImage image = image_;
    const std::string wrong = "sha256:" + std::string(64, '0');
    image.config.replace(image.config.find(image_.layers[1].diff_id.text()), wrong.size(), wrong);
    image.manifest.replace(image.manifest.find(test::digest_of(image_.config).text()), 71,
                           test::digest_of(image.config).text());
    store_image(content_, "default", image);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    ASSERT_TRUE(apply(image_, 1));
    EXPECT_EQ(lookahead_->counts().wasted, 2U);
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, StagedLayerIsUsedOnce) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    ASSERT_TRUE(apply(image_, 1));
    ASSERT_TRUE(apply(image_, 1)); // as a second client would
    EXPECT_EQ(unpacks_of(image_.layers[1]), 2);
    EXPECT_EQ(lookahead_->counts().used, 1U);
}

TEST_F(LookaheadUnpacks, BlobOfAnotherSizeIsNotTheOneThatWasStaged) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    StoredImage other = image_;
    other.layers[1].bytes += "x";
    const auto applied = apply(other, 1);
    ASSERT_FALSE(applied) << "the store has no blob of that size";
    EXPECT_EQ(lookahead_->counts().used, 0U);
}

TEST_F(LookaheadUnpacks, UpperDirectoryThatIsMountedIsWrittenByTheApplyItself) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    std::string parent;
    ASSERT_TRUE(snapshotter_->walk({}, [&](const Info& info) -> Status {
        parent = info.name;
        return {};
    }));
    const Mounts mounts = prepare(fresh_name("default", "extract"), parent);
    const ApplyTarget target = snapshotter_->hold_for_apply(mounts)->target();
    const std::string upper = target.upperdir;
    const std::string work = upper.substr(0, upper.size() - 2) + "work";
    const std::string at = work_ / "mnt";
    std::filesystem::create_directory(at);
    const test::OverlayMount overlay(target.lowerdirs, upper, work, at);
    if (!overlay.mounted()) {
        GTEST_SKIP() << overlay.error();
    }
    ASSERT_TRUE(apply_to(mounts, image_.layers[1]));
    EXPECT_TRUE(std::filesystem::exists(upper + "/second"));
    EXPECT_EQ(unpacks_of(image_.layers[1]), 2);
    EXPECT_EQ(lookahead_->counts().used, 0U);
    EXPECT_EQ(lookahead_->counts().wasted, 1U);
}

TEST_F(LookaheadUnpacks, LayersOfTwoNamespacesAreStagedForEach) {
    store_image(content_, "default", image_);
    store_image(content_, "other", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(apply(image_, 0, "other"));
    ASSERT_TRUE(eventually_staged(6));
    apply_all(image_, 1);
    apply_all(image_, 1, "other");
    EXPECT_EQ(lookahead_->counts().used, 6U);
    EXPECT_EQ(trees(image_), trees(image_, "other"));
    EXPECT_TRUE(eventually_empty());
}

TEST_F(LookaheadUnpacks, ImagesThatShareLayersAreBothUnpacked) {
    const StoredImage other = test::image_of({"base", "second", "else", "more", "yet more"});
    store_image(content_, "default", image_);
    store_image(content_, "default", other);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(1)); // what both have
    ASSERT_TRUE(apply(image_, 1));
    ASSERT_TRUE(apply(image_, 2));
    ASSERT_TRUE(apply(other, 2));
    ASSERT_TRUE(eventually_staged(4));
    apply_all(image_, 3);
    apply_all(other, 3);
    EXPECT_EQ(lookahead_->counts().used, 4U);
    EXPECT_TRUE(eventually_empty());
}

class LookaheadUponFlatTrees : public test::LookaheadTest {
  protected:
    LookaheadUponFlatTrees() { squash_ = test::kSquashAll; }
};

// A flat tree is one lower directory in place of several.
TEST_F(LookaheadUponFlatTrees, LayersAreFoundByHowManyAreBelowAndNotByHowManyAreMounted) {
    const StoredImage below = test::image_of({"base", "second", "third"});
    const StoredImage image = test::image_of({"base", "second", "third", "fourth", "fifth"});
    store_image(content_, "default", image);
    look_ahead_with(0);
    apply_all(below);
    const std::string top = committed_name("default", below.layers.back().chain_id);
    const Mounts flat = prepare(fresh_name("default", "wait for the flat tree"), top);
    ASSERT_EQ(test::lowers_of(flat).size(), 1U);

    look_ahead_with(kBusy);
    ASSERT_TRUE(apply(image, 3));
    ASSERT_TRUE(eventually_staged(1));
    ASSERT_TRUE(apply(image, 4));
    EXPECT_EQ(lookahead_->counts().used, 1U);
}

TEST_F(LookaheadUnpacks, LayersThatAreAppliedApartFromTheirParentsStartNothing) {
    store_image(content_, "default", image_);
    const Labels labels{{"containerd.io/snapshot.ref", image_.layers[0].chain_id.text()}};
    ASSERT_TRUE(apply_to(prepare("default/100/extract-1-a x", "", labels), image_.layers[0]));
    EXPECT_EQ(content_.lists, 0);
}

// containerd 2.2 and later, several layers at the same time: only the base looks like any other's.
TEST_F(LookaheadUnpacks, LayersThatAreAppliedApartEndWhatWasBegunForTheirImage) {
    store_image(content_, "default", image_);
    close_gate();
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return at_gate_ == kBusy; }));
    const Labels labels{{"containerd.io/snapshot.ref", image_.layers[2].chain_id.text()}};
    ASSERT_TRUE(apply_to(prepare("default/100/extract-1-a x", "", labels), image_.layers[2]));
    EXPECT_TRUE(eventually_empty());
    EXPECT_EQ(lookahead_->counts().staged, 0U);
}

// As when an image that is pulled later has the same empty layer.
TEST_F(LookaheadUnpacks, LayerThatWasAppliedApartHoldsNothingBackOnceItsSnapshotIsGone) {
    store_image(content_, "default", image_);
    const Labels labels{{"containerd.io/snapshot.ref", image_.layers[2].chain_id.text()}};
    for (const std::string key : {"default/100/extract-1-a x", "default/101/extract-1-b x"}) {
        ASSERT_TRUE(apply_to(prepare(key, "", labels), image_.layers[2]));
    }
    ASSERT_TRUE(snapshotter_->remove("default/100/extract-1-a x"));
    ASSERT_TRUE(snapshotter_->commit("default/102/y", "default/101/extract-1-b x", {}, ""));
    ASSERT_TRUE(apply(image_, 0));
    EXPECT_TRUE(eventually_staged(3));
}

// A staged tree is finished after its unpack.
TEST_F(LookaheadUnpacks, LayersThatMustBeOnTheDiskAreUnpackedByTheirApplyAndSynced) {
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually_staged(3));
    EXPECT_EQ(syncs_, 0);
    sync_filesystem_ = true;
    apply_all(image_, 1);
    EXPECT_EQ(syncs_, 3);
    EXPECT_EQ(lookahead_->counts().used, 0U);
    EXPECT_EQ(unpacks_of(image_.layers[3]), 2);
}

TEST_F(LookaheadUnpacks, SwitchedOffNobodyIsAsked) {
    look_ahead_with(0);
    store_image(content_, "default", image_);
    apply_all(image_);
    EXPECT_EQ(content_.lists, 0);
}

TEST_F(LookaheadUnpacks, EndsInTheMiddleOfAnUnpack) {
    close_gate();
    store_image(content_, "default", image_);
    ASSERT_TRUE(apply(image_, 0));
    ASSERT_TRUE(eventually([&] { return at_gate_ == kBusy; }));
    look_ahead_with(0);
    EXPECT_TRUE(eventually_empty());
}

} // namespace
} // namespace lamina
