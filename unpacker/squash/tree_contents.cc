// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/tree_contents.h"

#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/pipeline/blob_source.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {

Result<Xattrs> TreeContents::xattrs_of(const MergedEntry& merged) {
    TRY_ASSIGN(const NameAt at, trees_.find(merged));
    TRY_ASSIGN(XattrMap all, read_xattrs_at(at.directory, at.name));
    std::erase_if(all, [](const auto& xattr) {
        return is_overlay_mark(OverlayXattrs::trusted, xattr.first) || is_host_label(xattr.first);
    });
    return Xattrs(all.begin(), all.end());
}

Result<std::unique_ptr<ByteSource>> TreeContents::open(const MergedEntry& file) {
    TRY_ASSIGN(Fd opened, trees_.open_entry(file));
    return std::make_unique<FileBlob>(std::move(opened));
}

} // namespace lamina
