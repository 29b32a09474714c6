// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tree/tree_path.h"

namespace lamina {
namespace {

// Takes the first component, and the slash after it, from the front of `path`.
std::string_view take_component(std::string_view& path) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size() == path.size() ? name.size() : name.size() + 1);
    return name;
}

} // namespace

Result<TreePath> TreePath::open(int root) {
    TRY_ASSIGN(DirectoryCursor cursor, DirectoryCursor::open(root, "."));
    return TreePath(std::move(cursor));
}

Status TreePath::move_to(std::string_view path) {
    size_t shared = 0;
    for (std::string_view rest = path; shared < names_.size() && !rest.empty(); ++shared) {
        if (take_component(rest) != names_[shared]) {
            break;
        }
        path = rest;
    }
    for (; names_.size() > shared; names_.pop_back()) {
        TRY(cursor_.leave());
    }
    while (!path.empty()) {
        std::string name(take_component(path));
        TRY(cursor_.enter(name));
        names_.push_back(std::move(name));
    }
    return {};
}

} // namespace lamina
