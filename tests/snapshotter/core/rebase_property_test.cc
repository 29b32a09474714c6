// SPDX-License-Identifier: Apache-2.0
// Random images, each applied twice: layer by layer, and each layer without its parents in any
// order, as containerd 2.2 does with the capability `rebase`. Both must be one image, and the one
// that the rules make.
// LAMINA_PROPERTY_IMAGES says how many; another seed: RC_PARAMS="seed=7 max_success=500".
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include "tests/snapshotter/core/applied_layer.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/manifest.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/random_entries.h"
#include "tests/support/reference_applier.h"

namespace lamina::test {
namespace {

constexpr size_t kLayersMax = 30;
constexpr size_t kEntriesPerLayerMax = 12;
constexpr const char* kImages = "40"; // about 10 s

struct Image {
    std::vector<Tree> layers; // the first is the base
    std::vector<size_t> apply_order;
    bool base_is_known = false; // containerd from 2.3 on tells which layer is the first
    bool restarts = false;      // between the Applies and the commits
};

WhiteoutMode mode_of(const Image& image, size_t layer) {
    return layer == 0 && image.base_is_known ? WhiteoutMode::delete_in_place
                                             : WhiteoutMode::overlay;
}

// From the first case on: small images hide too little from each other.
rc::Gen<size_t> up_to(size_t least, size_t most) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}

Image any_image() {
    Image image;
    image.base_is_known = *rc::gen::arbitrary<bool>();
    image.restarts = *rc::gen::arbitrary<bool>();
    const auto layers = *up_to(2, kLayersMax);
    for (size_t i = 0; i < layers; ++i) {
        const auto entries = *rc::gen::container<Tree>(*up_to(0, kEntriesPerLayerMax), any_entry());
        image.layers.push_back(accepted_entries(entries, mode_of(image, i), {}));
    }
    std::vector<size_t> order(layers);
    std::iota(order.begin(), order.end(), 0);
    while (!order.empty()) {
        const auto next =
            order.begin() + *rc::gen::inRange<long>(0, static_cast<long>(order.size()));
        image.apply_order.push_back(*next);
        order.erase(next);
    }
    return image;
}

template <class T>
T checked(Result<T> result) {
    if (!result) {
        RC_FAIL(result.error().message);
    }
    return *std::move(result);
}

void check(const Status& done) {
    if (!done) {
        RC_FAIL(done.error().message);
    }
}

// A snapshotter of its own; its snapshots have the ids 1, 2, ... in the order of the layers.
class Store {
  public:
    explicit Store(const std::string& root) {
        options_.root = root;
        reopen();
    }

    void reopen() {
        snapshotter_.reset();
        snapshotter_ = checked(open_snapshotter(options_));
    }
    OverlaySnapshotter& operator*() { return *snapshotter_; }
    OverlaySnapshotter* operator->() { return snapshotter_.get(); }

    [[nodiscard]] std::string upper(size_t layer) const {
        return fmt::format("{}/snapshots/{}/fs", options_.root, layer + 1);
    }

  private:
    OverlayOptions options_;
    std::unique_ptr<OverlaySnapshotter> snapshotter_;
};

std::string name_of(size_t layer) {
    return fmt::format("sha256:{}", layer);
}

std::string key_of(size_t layer) {
    return fmt::format("default/{}/extract-{} {}", layer, layer, name_of(layer));
}

// What containerd says of a layer that it unpacks without its parents.
Labels labels_of(const Image& image, size_t layer) {
    Labels labels{{"containerd.io/snapshot.ref", name_of(layer)}};
    if (image.base_is_known) {
        labels["containerd.io/snapshot/diff-id"] = name_of(layer);
        if (layer > 0) {
            labels["containerd.io/snapshot/parent-chain-id"] = name_of(layer - 1);
        }
    }
    return labels;
}

void apply_one_by_one(const Image& image, Store& store) {
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const auto mounts = i == 0 ? store->prepare(key_of(0), "", labels_of(image, 0))
                                   : store->prepare(key_of(i), name_of(i - 1), {});
        check(apply_layer(*store, checked(mounts), image.layers[i]));
        check(store->commit(name_of(i), key_of(i), {}, ""));
    }
}

void apply_in_any_order(const Image& image, Store& store) {
    std::vector<Mounts> mounts;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        mounts.push_back(checked(store->prepare(key_of(i), "", labels_of(image, i))));
    }
    for (const size_t i : image.apply_order) {
        check(apply_layer(*store, mounts[i], image.layers[i]));
    }
    if (image.restarts) {
        store.reopen();
    }
    for (size_t i = 0; i < image.layers.size(); ++i) {
        check(store->commit(name_of(i), key_of(i), {}, i == 0 ? "" : name_of(i - 1)));
    }
}

// Times that no layer says are those of the moment: of whiteouts, and of directories without
// entry that lie over none.
std::string without_moments(const std::string& manifest, time_t since) {
    constexpr std::string_view kTime = "mtime=";
    std::string text;
    size_t begin = 0;
    for (size_t at = manifest.find(kTime); at != std::string::npos;
         at = manifest.find(kTime, begin)) {
        at += kTime.size();
        text += manifest.substr(begin, at - begin);
        begin = manifest.find_first_of(" \n", at);
        const std::string time = manifest.substr(at, begin - at);
        text += std::stoll(time) >= since ? "the moment" : time;
    }
    return text + manifest.substr(begin);
}

std::string merged_view(const Image& image, const Store& store, const std::string& at) {
    std::vector<std::string> lowerdirs;
    for (size_t i = image.layers.size(); i > 0; --i) {
        lowerdirs.push_back(store.upper(i - 1));
    }
    const OverlayMount merged(lowerdirs, at);
    RC_ASSERT(merged.error() == "");
    return manifest(merged.path());
}

// The layer as the rules make it above those below.
std::string by_the_rules(const Image& image, size_t layer, const Store& store) {
    const TempDir root;
    UnpackTarget target{root.path(), mode_of(image, layer), {}};
    for (size_t i = layer; i > 0; --i) {
        target.lowerdirs.push_back(store.upper(i - 1));
    }
    chmod(root.path().c_str(), 0755);
    ReferenceApplier reference(target);
    for (const Entry& entry : image.layers[layer]) {
        RC_ASSERT(reference.apply(entry));
    }
    reference.finish();
    return manifest(root.path());
}

void check_image(const Image& image) {
    const time_t begin = time(nullptr);
    const TempDir temp;
    Store direct(temp / "direct");
    Store parallel(temp / "parallel");
    apply_one_by_one(image, direct);
    apply_in_any_order(image, parallel);
    for (size_t i = 0; i < image.layers.size(); ++i) {
        RC_LOG() << "layer " << i << shown(image.layers[i]) << "\n";
        RC_ASSERT(without_moments(manifest(parallel.upper(i)), begin) ==
                  without_moments(manifest(direct.upper(i)), begin));
        if (i > 0 || image.base_is_known) { // else it lost what had nothing to hide
            RC_ASSERT(without_moments(by_the_rules(image, i, direct), begin) ==
                      without_moments(manifest(direct.upper(i)), begin));
        }
        RC_ASSERT(parallel->usage(name_of(i))->inodes == direct->usage(name_of(i))->inodes);
    }
    RC_ASSERT(without_moments(merged_view(image, parallel, temp / "merged2"), begin) ==
              without_moments(merged_view(image, direct, temp / "merged1"), begin));
}

TEST(RandomImages, AreTheSameWhetherLayersKnewTheirParentsOrNot) {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: overlay mounts, whiteouts, owners";
    }
    const char* const wanted = std::getenv("LAMINA_PROPERTY_IMAGES");
    const std::string images = wanted != nullptr ? wanted : kImages;
    setenv("RC_PARAMS", ("seed=21 max_success=" + images).c_str(), 0);
    EXPECT_TRUE(rc::check([] { check_image(any_image()); }));
}

} // namespace
} // namespace lamina::test
