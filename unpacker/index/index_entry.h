// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include <sys/types.h>

#include "unpacker/base/digest.h"

namespace lamina {

// What a name in the tree of a layer is. The values are stored: never renumbered.
enum class NodeType : uint8_t {
    file = 0,
    directory = 1,
    symlink = 2,
    character_device = 3,
    block_device = 4,
    fifo = 5,
    socket = 6,
    whiteout = 7, // character device 0:0, or the form with xattrs: hides the name below
};

// One name in the tree of a layer, as an overlay mount would read it.
struct IndexEntry {
    std::string path; // "usr/bin/ls"; "" is the layer's root, which every index has
    NodeType type = NodeType::file;
    uint64_t size_bytes = 0; // of a file
    mode_t mode = 0;         // permissions, set-user-ID, set-group-ID and sticky: 07777
    uid_t uid = 0;
    gid_t gid = 0;
    timespec modify_time{};
    dev_t device = 0;   // of a device
    std::string target; // of a symlink

    // Names of one inode in this layer have one number; 0 is none. From 1, by their first names.
    uint32_t link_group = 0;

    // A directory that hides what layers below have in it. The kernel does not heed the mark on a
    // layer's root, so the root never is.
    bool is_opaque = false;

    // No directory, and its inode has marks of overlayfs (origin, nlink): it cannot become a part
    // of another tree without taking them along.
    bool has_overlay_marks = false;

    // Its content is somewhere else (redirect_dir, metacopy): the index cannot say what is seen.
    bool is_redirected = false;

    // Digest of all but the marks and the host's own label; none: it has no others.
    std::optional<Sha256Hash> xattrs;
    std::optional<Sha256Hash> content; // of a file, where it is known
};

} // namespace lamina
