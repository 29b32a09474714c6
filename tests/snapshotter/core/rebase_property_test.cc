// SPDX-License-Identifier: Apache-2.0
// Random images, each applied three times: layer by layer; each layer without its parents in any
// order, as containerd 2.2 does with the capability `rebase`; and each layer unpacked beside the
// snapshots and adopted, as the look-ahead does. All must be one image, in each layer and as the
// kernel shows it, and the one that the rules make.
// LAMINA_PROPERTY_IMAGES says how many; another seed: RC_PARAMS="seed=7 max_success=500".
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <rapidcheck.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/snapshotter/core/applied_layer.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/manifest.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/random_entries.h"
#include "tests/support/recorded_index.h"
#include "tests/support/reference_applier.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/layer/rebase_layer.h"

namespace lamina::test {
namespace {

constexpr size_t kLayersMax = 30;
constexpr size_t kEntriesPerLayerMax = 12;
constexpr int kShards = 4; // so that several processors have something to do

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

struct AheadLayer {
    StagedTree tree;
    UnpackReport report;
};

AheadLayer unpack_ahead(Store& store, const Tree& layer) {
    StagedTree tree = checked(store->stage_tree());
    MemoryBlob blob(tar(layer));
    UnpackReport report = checked(unpack_layer(blob, Encoding::plain,
                                               {.root = tree.path(),
                                                .whiteouts = WhiteoutMode::overlay,
                                                .lowerdirs = {},
                                                .index = tree.index_file()},
                                               {.writers = 1}, {}));
    return {std::move(tree), std::move(report)};
}

// As LayerApplier does it.
void adopt(Store& store, const Mounts& mounts, AheadLayer layer) {
    ApplyHold hold = checked(store->hold_for_apply(mounts));
    UnpackReport& report = layer.report;
    const RebaseChange change =
        checked(rebase_layer(layer.tree.fd(), report.rebase, hold.target().lowerdirs));
    report.usage.inodes += change.added.inodes;
    report.usage.size_bytes += change.added.size_bytes;
    check(hold.adopt(layer.tree));
    check(hold.succeed({.usage = report.usage,
                        .whiteouts = report.whiteouts + change.whiteouts,
                        .is_indexed = report.is_indexed && report.rebase.empty()}));
}

void apply_ahead(const Image& image, Store& store) {
    std::map<size_t, AheadLayer> ahead;
    for (const size_t i : image.apply_order) {
        if (i > 0) {
            ahead.emplace(i, unpack_ahead(store, image.layers[i]));
        }
    }
    const auto base = checked(store->prepare(key_of(0), "", labels_of(image, 0)));
    check(apply_layer(*store, base, image.layers[0]));
    check(store->commit(name_of(0), key_of(0), {}, ""));
    for (auto& [i, layer] : ahead) {
        adopt(store, checked(store->prepare(key_of(i), name_of(i - 1), {})), std::move(layer));
        check(store->commit(name_of(i), key_of(i), {}, ""));
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

// Where Apply has left an index it is the one of the tree. How many have one.
size_t check_indexes(const Image& image, const Store& store) {
    size_t found = 0;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const std::string upper = store.upper(i);
        const Fd directory = checked(open_directory(upper.substr(0, upper.size() - 2)));
        const auto stored = load_index(directory.get(), "index");
        if (stored || stored.error().code != ErrorCode::not_found) {
            const Fd root = checked(open_directory(upper));
            const auto walked = checked(index_tree(root.get(), OverlayXattrs::trusted));
            RC_ASSERT(shown(checked(stored)) == shown(walked));
            ++found;
        }
    }
    return found;
}

void check_image(const Image& image) {
    const time_t begin = time(nullptr);
    const TempDir temp;
    Store direct(temp / "direct");
    Store parallel(temp / "parallel");
    Store ahead(temp / "ahead");
    apply_one_by_one(image, direct);
    apply_in_any_order(image, parallel);
    apply_ahead(image, ahead);
    RC_ASSERT(check_indexes(image, direct) > 0);
    (void)check_indexes(image, parallel); // none where a commit had to settle all layers
    (void)check_indexes(image, ahead);
    for (size_t i = 0; i < image.layers.size(); ++i) {
        RC_LOG() << "layer " << i << shown(image.layers[i]) << "\n";
        const std::string made = without_moments(manifest(direct.upper(i)), begin);
        RC_ASSERT(without_moments(manifest(parallel.upper(i)), begin) == made);
        RC_ASSERT(without_moments(manifest(ahead.upper(i)), begin) == made);
        if (i > 0 || image.base_is_known) { // else it lost what had nothing to hide
            RC_ASSERT(without_moments(by_the_rules(image, i, direct), begin) == made);
        }
        RC_ASSERT(parallel->usage(name_of(i))->inodes == direct->usage(name_of(i))->inodes);
        RC_ASSERT(ahead->usage(name_of(i))->inodes == direct->usage(name_of(i))->inodes);
    }
    const std::string seen = without_moments(merged_view(image, direct, temp / "merged1"), begin);
    RC_ASSERT(without_moments(merged_view(image, parallel, temp / "merged2"), begin) == seen);
    RC_ASSERT(without_moments(merged_view(image, ahead, temp / "merged3"), begin) == seen);
}

// Most of the time would go into fsync and into journals, of which nothing is tested here.
void use_memory_for_files() {
    const std::string memory = "/dev/shm";
    const std::string probe = memory + "/lamina-test-probe-" + std::to_string(getpid());
    struct statfs status{};
    if (statfs(memory.c_str(), &status) != 0 || status.f_type != TMPFS_MAGIC ||
        mkdir(probe.c_str(), 0700) != 0) {
        return;
    }
    if (setxattr(probe.c_str(), "user.probe", "", 0, 0) == 0 && // Linux 6.6
        setxattr(probe.c_str(), "trusted.probe", "", 0, 0) == 0) {
        setenv("TMPDIR", memory.c_str(), 1);
    }
    rmdir(probe.c_str());
}

class RandomImages : public testing::TestWithParam<int> {};

TEST_P(RandomImages, AreTheSameWhetherLayersKnewTheirParentsOrNot) {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: overlay mounts, whiteouts, owners";
    }
    use_memory_for_files();
    const char* const wanted = std::getenv("LAMINA_PROPERTY_IMAGES");
    const int images = wanted != nullptr ? std::stoi(wanted) : LAMINA_PROPERTY_IMAGES;
    const auto parameters = fmt::format("seed=21 max_success={}", (images + kShards - 1) / kShards);
    setenv("RC_PARAMS", parameters.c_str(), 0);
    EXPECT_TRUE(rc::check([] {
        for (int i = 0; i < GetParam(); ++i) {
            (void)*rc::gen::arbitrary<bool>(); // the images after it are others for each shard
        }
        check_image(any_image());
    }));
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomImages, testing::Range(0, kShards));

} // namespace
} // namespace lamina::test
