// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/trash.h"

#include <cerrno>
#include <cstdio>
#include <limits>

#include "snapshotter/core/idle_thread.h"
#include "unpacker/base/log.h"
#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {

Trash::Trash(const Layout& layout, const TrashOptions& options)
    : layout_(layout), options_(options), queue_(std::numeric_limits<uint64_t>::max()) {
    for (unsigned i = 0; i < options_.threads; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
    }
}

Trash::~Trash() {
    queue_.abort();
    for (auto& thread : threads_) {
        thread.request_stop();
    }
}

Status Trash::take(int directory, const std::string& name) {
    const std::string trashed = Layout::fresh_name(name);
    if (::renameat(directory, name.c_str(), layout_.trash(), trashed.c_str()) != 0) {
        return errno == ENOENT ? Status{} : fail(errno_error("rename to trash", name));
    }
    enqueue(trashed);
    return {};
}

Status Trash::take_all(int directory) {
    TRY_ASSIGN(const auto names, list_names(directory));
    for (const auto& name : names) {
        TRY(take(directory, name));
    }
    return {};
}

Status Trash::take_leftovers() {
    TRY_ASSIGN(const auto names, list_names(layout_.trash()));
    for (const auto& name : names) {
        enqueue(name);
    }
    return {};
}

size_t Trash::waiting() {
    return pending_.lock()->size();
}

void Trash::enqueue(const std::string& name) {
    if (pending_.lock()->insert(name).second) {
        queue_.push(name, 1);
    }
}

void Trash::serve(const std::stop_token& stop) {
    if (options_.when_idle) {
        become_idle();
    }
    while (const auto name = queue_.pop()) {
        const auto removed = remove_tree(layout_.trash(), *name, stop);
        if (!removed && removed.error().code != ErrorCode::canceled) {
            log::warn("cannot delete a removed tree, will try again at the next cleanup",
                      {{"directory", *name}, {"error", removed.error().message}});
        }
        pending_.lock()->erase(*name);
    }
}

} // namespace lamina
