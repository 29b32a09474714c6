// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/layer_path.h"

#include <algorithm>
#include <cerrno>

#include <sys/xattr.h>

namespace lamina {
namespace {

bool has_opaque_mark(int directory) {
    char value = 0;
    return ::fgetxattr(directory, "trusted.overlay.opaque", &value, sizeof value) == 1 &&
           value == 'y';
}

} // namespace

Result<LayerPath> LayerPath::open(int root) {
    TRY_ASSIGN(DirectoryCursor cursor, DirectoryCursor::open(root, "."));
    return LayerPath(std::move(cursor));
}

Result<LayerPath::Found> LayerPath::move_to(const std::vector<std::string>& components) {
    const auto parted = std::ranges::mismatch(steps_, components, {}, &Step::name);
    const bool is_below_here = parted.in1 == steps_.end() && parted.in2 != components.end();
    if (is_below_here && missing_ == *parted.in2) {
        return Found::missing;
    }
    missing_.reset();
    const auto shared = static_cast<size_t>(parted.in1 - steps_.begin());
    for (; steps_.size() > shared; steps_.pop_back()) {
        TRY(cursor_.leave());
    }
    for (auto name = parted.in2; name != components.end(); ++name) {
        const auto entered = cursor_.enter(*name);
        if (!entered && entered.error().sys_errno == ENOENT) {
            missing_ = *name;
            return Found::missing;
        }
        // O_DIRECTORY and O_NOFOLLOW say ENOTDIR of links too.
        if (!entered &&
            (entered.error().sys_errno == ENOTDIR || entered.error().sys_errno == ELOOP)) {
            return Found::no_directory;
        }
        TRY(entered);
        steps_.push_back({*name, is_opaque() || has_opaque_mark(fd())});
    }
    return Found::directory;
}

} // namespace lamina
