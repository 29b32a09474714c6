// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/clone_layer.h"

#include <memory>
#include <string>

#include "unpacker/tree/clone_tree.h"

namespace lamina {
namespace {

void mark(DirectoryMarks& root, const RebaseWork::Path& path) {
    DirectoryMarks* at = &root;
    for (const std::string& name : path) {
        auto& next = at->inside[name];
        if (next == nullptr) {
            next = std::make_unique<DirectoryMarks>();
        }
        at = next.get();
    }
    at->is_marked = true;
}

} // namespace

Result<Usage> clone_layer(int from, const RebaseWork& work, int to, int nice,
                          const std::stop_token& stop) {
    if (work.root_is_opaque) {
        return fail(ErrorCode::failed_precondition, "the root of the layer is opaque");
    }
    DirectoryMarks implied;
    TRY(work.for_each_implied([&](const RebaseWork::Path& path) -> Status {
        mark(implied, path);
        return {};
    }));
    return clone_tree(from, to, {.nice = nice, .fresh = &implied}, stop);
}

} // namespace lamina
