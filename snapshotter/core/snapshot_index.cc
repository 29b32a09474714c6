// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/snapshot_index.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

#include "snapshotter/core/index_draft.h"
#include "unpacker/base/fd.h"
#include "unpacker/base/log.h"
#include "unpacker/index/index_tree.h"
#include "unpacker/index/inode_entry.h"

namespace lamina {
namespace {

// The root is what adopt() and commit() may give another owner after it was recorded.
Result<bool> has_root(const LayerIndex& index, int root) {
    struct stat status{};
    if (::fstat(root, &status) != 0) {
        return fail(errno_error("fstat", "upper directory"));
    }
    IndexEntry now = entry_of("", status);
    TRY_ASSIGN(auto xattrs, read_xattrs(root));
    apply_xattrs(now, std::move(xattrs), OverlayXattrs::trusted);
    IndexReader reader(index);
    const IndexEntry& then = *reader.next();
    return then.mode == now.mode && then.uid == now.uid && then.gid == now.gid &&
           then.modify_time.tv_sec == now.modify_time.tv_sec &&
           then.modify_time.tv_nsec == now.modify_time.tv_nsec && then.xattrs == now.xattrs;
}

std::optional<LayerIndex> load_stored(const Layout& layout, SnapshotId id, int root) {
    auto index = load_index(layout.snapshots(), index_name(id));
    if (!index && index.error().code == ErrorCode::not_found) {
        return std::nullopt;
    }
    const auto fits = index ? has_root(*index, root) : fail(index.error());
    if (fits && *fits) {
        return *std::move(index);
    }
    log::warn("the index of a snapshot is not used",
              {{"index", index_name(id)},
               {"error", fits ? std::string("it is of another tree") : fits.error().message}});
    return std::nullopt;
}

Status store(const Layout& layout, SnapshotId id, const LayerIndex& index) {
    TRY_ASSIGN(IndexDraft draft, IndexDraft::make(layout));
    TRY(write_index(draft.fd(), index));
    return draft.publish(id);
}

} // namespace

Result<LayerIndex> index_of_snapshot(const Layout& layout, SnapshotId id, OverlayXattrs form,
                                     const std::stop_token& stop) {
    TRY_ASSIGN(const Fd upper, open_directory(layout.upper(id)));
    if (form != OverlayXattrs::trusted) {
        return index_tree(upper.get(), form, stop);
    }
    if (auto stored = load_stored(layout, id, upper.get())) {
        return *std::move(stored);
    }
    TRY_ASSIGN(LayerIndex index, index_tree(upper.get(), form, stop));
    if (const auto stored = store(layout, id, index); !stored) {
        log::info("the index of a snapshot is not kept",
                  {{"index", index_name(id)}, {"error", stored.error().message}});
    }
    return index;
}

std::string index_name(SnapshotId id) {
    return std::to_string(id) + "/index";
}

Status remove_index(const Layout& layout, SnapshotId id) {
    if (::unlinkat(layout.snapshots(), index_name(id).c_str(), 0) != 0 && errno != ENOENT) {
        return fail(errno_error("unlink", index_name(id)));
    }
    return {};
}

} // namespace lamina
