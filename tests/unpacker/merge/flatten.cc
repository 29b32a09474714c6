// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/merge/flatten.h"

#include <filesystem>

#include "unpacker/base/fd.h"
#include "unpacker/merge/indexed_trees.h"

namespace lamina::test {

Result<TreeReport> flatten(const std::vector<std::string>& range,
                           const std::vector<std::string>& base, const std::string& output,
                           const WriteOptions& options) {
    TRY_ASSIGN(const auto upper, IndexedTrees::walk(range, options.form));
    TRY_ASSIGN(const auto lower, IndexedTrees::walk(base, options.form));
    TRY_ASSIGN(Merge merge, Merge::open({upper.indexes(), lower.indexes()}));
    TRY_ASSIGN(LayerTrees trees, upper.trees());
    std::filesystem::create_directory(output);
    TRY_ASSIGN(const Fd directory, open_directory(output));
    return write_tree(merge, trees, directory.get(), options);
}

} // namespace lamina::test
