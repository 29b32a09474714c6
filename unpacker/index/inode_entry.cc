// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/inode_entry.h"

#include <cerrno>
#include <utility>

#include <linux/limits.h>
#include <unistd.h>

#include "unpacker/index/xattr_digest.h"

namespace lamina {
namespace {

NodeType type_of(const struct stat& status) {
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        return NodeType::directory;
    case S_IFLNK:
        return NodeType::symlink;
    case S_IFCHR:
        return status.st_rdev == 0 ? NodeType::whiteout : NodeType::character_device;
    case S_IFBLK:
        return NodeType::block_device;
    case S_IFIFO:
        return NodeType::fifo;
    case S_IFSOCK:
        return NodeType::socket;
    default:
        return NodeType::file;
    }
}

} // namespace

IndexEntry entry_of(std::string path, const struct stat& status) {
    IndexEntry entry;
    entry.path = std::move(path);
    entry.type = type_of(status);
    entry.size_bytes = entry.type == NodeType::file ? static_cast<uint64_t>(status.st_size) : 0;
    entry.mode = status.st_mode & 07777U;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.modify_time = status.st_mtim;
    entry.device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ? status.st_rdev : 0;
    return entry;
}

void apply_xattrs(IndexEntry& entry, XattrMap xattrs, OverlayXattrs form) {
    const auto opaque = xattrs.find(overlay_xattr(form, "opaque"));
    const bool is_directory = entry.type == NodeType::directory;
    entry.is_opaque = is_directory && opaque != xattrs.end() && opaque->second == "y";
    entry.is_redirected = xattrs.contains(overlay_xattr(form, "redirect")) ||
                          xattrs.contains(overlay_xattr(form, "metacopy"));
    const auto marks = std::erase_if(
        xattrs, [form](const auto& xattr) { return is_overlay_mark(form, xattr.first); });
    entry.has_overlay_marks = marks > 0 && !is_directory;
    std::erase_if(xattrs, [](const auto& xattr) { return is_host_label(xattr.first); });
    entry.xattrs = xattr_digest(xattrs);
}

Result<std::string> read_target(int directory, const std::string& name) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size < 0) {
        return fail(errno_error("readlinkat", name));
    }
    target.resize(static_cast<size_t>(size));
    return target;
}

} // namespace lamina
