// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/index_draft.h"

#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "snapshotter/core/snapshot_index.h"
#include "unpacker/base/log.h"

namespace lamina {

Result<IndexDraft> IndexDraft::make(const Layout& layout) {
    std::string name = Layout::fresh_name("index");
    TRY_ASSIGN(Fd file,
               open_at(layout.staging(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    return IndexDraft(layout, std::move(name), std::move(file));
}

IndexDraft::IndexDraft(IndexDraft&& other) noexcept
    : layout_(other.layout_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {
}

IndexDraft::~IndexDraft() {
    if (!name_.empty()) {
        (void)::unlinkat(layout_->staging(), name_.c_str(), 0); // else the next start takes it
    }
}

Status IndexDraft::publish(SnapshotId id) {
    TRY(file_.close());
    if (::renameat(layout_->staging(), name_.c_str(), layout_->snapshots(),
                   index_name(id).c_str()) != 0) {
        return fail(errno_error("rename", index_name(id)));
    }
    name_.clear();
    return {};
}

int fd_of_new(std::optional<IndexDraft>& draft, const Layout& layout) {
    if (!draft) {
        auto made = IndexDraft::make(layout);
        if (!made) {
            log::info("no index of a layer", {{"error", made.error().message}});
            return -1;
        }
        draft.emplace(*std::move(made));
    }
    return draft->fd();
}

} // namespace lamina
