// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/merge/flatten.h"

#include <filesystem>

#include "unpacker/base/fd.h"
#include "unpacker/index/index_tree.h"

namespace lamina::test {
namespace {

struct Layers {
    std::vector<Fd> roots;
    std::vector<LayerIndex> indexes;

    [[nodiscard]] std::vector<const LayerIndex*> pointers() const {
        std::vector<const LayerIndex*> all;
        for (const LayerIndex& index : indexes) {
            all.push_back(&index);
        }
        return all;
    }
};

Result<Layers> index_all(const std::vector<std::string>& trees, OverlayXattrs form) {
    Layers layers;
    for (const std::string& tree : trees) {
        TRY_ASSIGN(Fd root, open_directory(tree));
        TRY_ASSIGN(LayerIndex index, index_tree(root.get(), form));
        layers.roots.push_back(std::move(root));
        layers.indexes.push_back(std::move(index));
    }
    return layers;
}

} // namespace

Result<TreeReport> flatten(const std::vector<std::string>& range,
                           const std::vector<std::string>& base, const std::string& output,
                           const WriteOptions& options) {
    TRY_ASSIGN(const Layers upper, index_all(range, options.form));
    TRY_ASSIGN(const Layers lower, index_all(base, options.form));
    TRY_ASSIGN(Merge merge, Merge::open({upper.pointers(), lower.pointers()}));
    std::vector<int> roots;
    for (const Fd& root : upper.roots) {
        roots.push_back(root.get());
    }
    TRY_ASSIGN(LayerTrees trees, LayerTrees::open(roots));
    std::filesystem::create_directory(output);
    TRY_ASSIGN(const Fd directory, open_directory(output));
    return write_tree(merge, trees, directory.get(), options);
}

} // namespace lamina::test
