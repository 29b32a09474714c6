// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "tests/support/manifest.h"
#include "tests/support/overlay_mount.h"

namespace lamina::test {

// Every chain of two or more gets a flat tree before it is seen.
inline constexpr SquashOptions kSquashAll{.mode = SquashMode::always,
                                          .min_layers = 2,
                                          .keep_base = 0,
                                          .backend = LeafSource::hard_link,
                                          .wait = true};

inline const std::string kSquashLabel = "containerd.io/snapshot/lamina.squash";

// The lower directories of a mount, nearest first; the source of a bind.
inline std::vector<std::string> lowers_of(const Mounts& mounts) {
    constexpr std::string_view kLowerdir = "lowerdir=";
    if (mounts.size() != 1 || mounts.front().type != "overlay") {
        return mounts.empty() ? std::vector<std::string>{} : std::vector{mounts.front().source};
    }
    std::vector<std::string> lowers;
    for (const auto& option : mounts.front().options) {
        if (option.starts_with(kLowerdir)) {
            for (size_t begin = kLowerdir.size(); begin != 0;) {
                const size_t end = option.find(':', begin);
                lowers.push_back(option.substr(begin, end - begin));
                begin = end == std::string::npos ? 0 : end + 1;
            }
        }
    }
    return lowers;
}

class SquashTest : public SnapshotterTest {
  protected:
    SquashTest() { options_.squash = kSquashAll; }

    void reopen_with(const SquashOptions& squash) {
        options_.squash = squash;
        reopen();
    }

    // A committed layer whose upper directory holds `tree`; overlay's marks are written as they are
    // on disk.
    void add_layer(const std::string& name, const std::string& parent, const Tree& tree,
                   const Labels& labels = {}, const Labels& active_labels = {}) {
        (void)prepare("key", parent, active_labels);
        const int id = ++last_id_;
        ASSERT_TRUE(exists(fs(id))) << "the ids of this test are wrong";
        make_tree(fs(id), tree);
        const auto committed = snapshotter_->commit(name, "key", labels, "");
        ASSERT_TRUE(committed) << committed.error().message;
        ids_[name] = id;
        parents_[name] = parent;
    }
    // Layers "1" to "<count>".
    void add_layers(int count) {
        for (int i = 1; i <= count; ++i) {
            const std::string number = std::to_string(i);
            add_layer(number, i == 1 ? "" : std::to_string(i - 1), small_layer(number));
        }
    }
    // One file of its own, one that each layer replaces, one that each deletes and makes anew.
    static Tree small_layer(const std::string& number) {
        return {dir("d"), file("d/own" + number, number), file("same", "of " + number),
                dir("again").xattr("trusted.overlay.opaque", "y"), file("again/" + number, number)};
    }

    // As a view of `name` is mounted.
    std::vector<std::string> seen(const std::string& name) {
        const auto mounts = snapshotter_->view("view", name, {});
        EXPECT_TRUE(mounts) << mounts.error().message;
        const auto again = snapshotter_->mounts("view");
        EXPECT_TRUE(again && mounts && *again == *mounts) << "mounts() of a view differs";
        EXPECT_TRUE(snapshotter_->remove("view"));
        ++last_id_;
        return lowers_of(mounts.value_or(Mounts{}));
    }
    std::string seen_manifest(const std::string& name) { return show(seen(name)); }
    // What the layers themselves show through the kernel.
    std::string raw_manifest(const std::string& name) { return show(raw(name)); }

    std::vector<std::string> raw(const std::string& name) const {
        std::vector<std::string> paths;
        for (std::string at = name; !at.empty(); at = parents_.at(at)) {
            paths.push_back(fs(ids_.at(at)));
        }
        return paths;
    }
    std::string flat(const std::string& name) const {
        return options_.root + "/snapshots/" + std::to_string(ids_.at(name)) + "/flat";
    }

    // What overlayfs shows of `trees`.
    std::string show(const std::vector<std::string>& trees) {
        if (trees.size() == 1) {
            return manifest(trees.front());
        }
        const OverlayMount mount(trees, work_ / ("mount" + std::to_string(++mounts_)));
        EXPECT_TRUE(mount.mounted()) << mount.error();
        return manifest(mount.path());
    }

    int last_id_ = 0;
    int mounts_ = 0;
    std::map<std::string, int> ids_;
    std::map<std::string, std::string> parents_;
};

} // namespace lamina::test
