// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/stream_entry.h"

#include <utility>

#include "unpacker/index/xattr_digest.h"

namespace lamina {
namespace {

NodeType type_of(EntryType type) {
    switch (type) {
    case EntryType::directory:
        return NodeType::directory;
    case EntryType::symlink:
        return NodeType::symlink;
    case EntryType::character_device:
        return NodeType::character_device;
    case EntryType::block_device:
        return NodeType::block_device;
    case EntryType::fifo:
        return NodeType::fifo;
    default:
        return NodeType::file;
    }
}

} // namespace

XattrMap unpacked_xattrs(const Entry& entry) {
    XattrMap xattrs;
    for (const auto& [name, value] : entry.xattrs) {
        if (!name.starts_with("trusted.") && !is_host_label(name)) {
            xattrs[name] = value;
        }
    }
    return xattrs;
}

IndexEntry unpacked_entry(const Entry& entry, std::string path) {
    IndexEntry out;
    out.path = std::move(path);
    out.type = type_of(entry.type);
    out.size_bytes = entry.type == EntryType::file ? entry.size_bytes : 0;
    out.mode = entry.mode;
    out.uid = static_cast<uid_t>(entry.uid);
    out.gid = static_cast<gid_t>(entry.gid);
    out.modify_time = entry.modify_time;
    out.device = entry.device;
    out.target = entry.type == EntryType::symlink ? entry.link_name : "";
    out.xattrs = xattr_digest(unpacked_xattrs(entry));
    return out;
}

} // namespace lamina
