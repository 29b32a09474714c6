// SPDX-License-Identifier: Apache-2.0
// Random stacks of layers show through the kernel's overlayfs what they show when a part of them
// is one tree, for every part from a layer up to the top, and for any parts at once.
// LAMINA_PROPERTY_STACKS says how many; another seed: RC_PARAMS="seed=7 max_success=500".
#include <cstdlib>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/support/manifest.h"
#include "tests/support/memory_blob.h"
#include "tests/support/overlay_mount.h"
#include "tests/support/process.h"
#include "tests/support/random_entries.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "tests/unpacker/merge/flatten.h"
#include "tests/unpacker/merge/random_layers.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {
namespace {

using Paths = std::vector<std::string>;

constexpr size_t kLayersMax = 7;
constexpr const char* kStacks = "300"; // about 25 s

struct Layer {
    bool is_archive = false; // else a tree as a container leaves it
    Tree entries;
};

Layer any_layer() {
    Layer layer;
    layer.is_archive = *rc::gen::weightedElement<bool>({{1, true}, {2, false}});
    layer.entries = layer.is_archive ? accepted_entries(*rc::gen::container<Tree>(10, any_entry()),
                                                        WhiteoutMode::overlay, {})
                                     : *any_layer_tree();
    return layer;
}

Status unpack(const Layer& layer, const std::string& root, const Paths& lowerdirs) {
    MemoryBlob blob(tar(layer.entries));
    UnpackOptions options;
    options.writers = 1;
    TRY(unpack_layer(blob, Encoding::plain, {root, WhiteoutMode::overlay, lowerdirs}, options, {}));
    return {};
}

void check(const Status& done) {
    if (!done) {
        RC_FAIL(done.error().message);
    }
}

std::string view(const Paths& top_first, const std::string& at) {
    const OverlayMount mount(top_first, at);
    RC_ASSERT(mount.error() == "");
    return manifest(mount.path());
}

// Layers on disk.
class Stack {
  public:
    explicit Stack(const std::vector<Layer>& layers) {
        for (size_t i = 0; i < layers.size(); ++i) {
            const std::string root = temp_ / fmt::format("layer{}", i);
            make_tree(temp_.path(), {dir(fmt::format("layer{}", i), 0700 + static_cast<unsigned>(i))
                                         .owner(static_cast<int64_t>(i), 1)});
            if (layers[i].is_archive) {
                check(unpack(layers[i], root, from_to(0, i)));
            } else {
                make_tree(root, layers[i].entries);
            }
            roots_.push_back(root);
        }
    }

    [[nodiscard]] size_t size() const { return roots_.size(); }

    // The layers from `begin` to before `end`, counted from the lowest; topmost first.
    [[nodiscard]] Paths from_to(size_t begin, size_t end) const {
        return {roots_.rend() - static_cast<long>(end), roots_.rend() - static_cast<long>(begin)};
    }

    // A name for something new beside the layers.
    std::string fresh() { return temp_ / fmt::format("fresh{}", fresh_++); }

    [[nodiscard]] std::string manifests() const {
        std::string all;
        for (const std::string& root : roots_) {
            all += manifest(root);
        }
        return all;
    }

  private:
    TempDir temp_;
    Paths roots_;
    int fresh_ = 0;
};

std::string flat(Stack& stack, const Paths& range, const Paths& base, LeafSource leaves) {
    std::string tree = stack.fresh();
    const auto written = flatten(range, base, tree, {.leaves = leaves, .active_layers = {}});
    check(written ? Status{} : fail(written.error()));
    return tree;
}

// Rule 2: a whiteout hides something; rule 4: alone, a tree has no marks at all.
void check_marks(const std::string& tree, const Paths& base, Stack& stack) {
    const std::string all = manifest(tree);
    for (const char* mark : {"overlay.origin", "overlay.impure", "overlay.whiteout"}) {
        RC_ASSERT(all.find(mark) == std::string::npos);
    }
    std::unique_ptr<OverlayMount> below;
    if (!base.empty()) {
        below = std::make_unique<OverlayMount>(base, stack.fresh());
    }
    walk_tree(tree, [&](const Entry& entry) {
        const bool is_whiteout = entry.type == '3' && entry.device_major == 0;
        if (is_whiteout || entry.xattrs.contains("trusted.overlay.opaque")) {
            RC_ASSERT(below != nullptr);
            RC_ASSERT(exists(below->path() + "/" + entry.name));
        }
    });
}

LeafSource any_source() {
    return *rc::gen::element(LeafSource::hard_link, LeafSource::reflink, LeafSource::copy);
}

void check_every_cut(Stack& stack, const std::string& expected) {
    for (size_t cut = 0; cut < stack.size(); ++cut) {
        const Paths base = stack.from_to(0, cut);
        const std::string tree = flat(stack, stack.from_to(cut, stack.size()), base, any_source());
        Paths mounted{tree};
        mounted.insert(mounted.end(), base.begin(), base.end());
        RC_LOG() << "cut above layer " << cut << "\n";
        RC_ASSERT((base.empty() ? manifest(tree) : view(mounted, stack.fresh())) == expected);
        check_marks(tree, base, stack);
    }
}

// Parts of the stack from the lowest up, each a tree over those below.
void check_any_parts(Stack& stack, const std::string& expected) {
    Paths trees;
    for (size_t begin = 0; begin < stack.size();) {
        const size_t end = begin + *rc::gen::inRange<size_t>(1, stack.size() - begin + 1);
        trees.insert(trees.begin(), flat(stack, stack.from_to(begin, end), trees, any_source()));
        begin = end;
    }
    RC_ASSERT(view(trees, stack.fresh()) == expected);
}

std::string shown(const Layer& layer) {
    std::ostringstream out;
    for (const Entry& entry : layer.entries) {
        out << "\n  " << entry.type << " " << entry.name;
        out << (entry.link.empty() ? "" : " -> " + entry.link);
        out << (entry.device_major == 0 && entry.type == '3' ? " whiteout" : "");
        for (const auto& [name, value] : entry.xattrs) {
            out << " " << name << "=" << value;
        }
    }
    return out.str();
}

void check_stack() {
    std::vector<Layer> layers;
    const auto count =
        *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<size_t>(2, kLayersMax + 1));
    for (size_t i = 0; i < count; ++i) {
        layers.push_back(any_layer());
        RC_LOG() << "layer " << i << (layers.back().is_archive ? " archive" : "")
                 << shown(layers.back()) << "\n";
    }
    Stack stack(layers);
    const std::string before = stack.manifests();
    const std::string expected = view(stack.from_to(0, stack.size()), stack.fresh());
    check_every_cut(stack, expected);
    check_any_parts(stack, expected);
    RC_ASSERT(stack.manifests() == before);
}

TEST(RandomStacks, ShowTheSameWhenPartsAreOneTree) {
    if (!is_root()) {
        GTEST_SKIP() << "needs root: overlay mounts, whiteouts, owners";
    }
    const char* const wanted = std::getenv("LAMINA_PROPERTY_STACKS");
    const std::string stacks = wanted != nullptr ? wanted : kStacks;
    setenv("RC_PARAMS", ("seed=22 max_success=" + stacks).c_str(), 0);
    EXPECT_TRUE(rc::check([] { check_stack(); }));
}

} // namespace
} // namespace lamina::test
