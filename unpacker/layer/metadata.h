// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <ctime>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "unpacker/base/result.h"
#include "unpacker/tar/entry.h"

namespace lamina {

// Access and modification time as utimensat(2) takes them.
using FileTimes = std::array<timespec, 2>;

// What an inode gets besides its content.
struct Metadata {
    uid_t uid = 0;
    gid_t gid = 0;
    mode_t mode = 0; // 07777
    FileTimes times{};
    Xattrs xattrs;
};

// From a header, with the times that containerd would set: those before 1970 or after
// 2262-04-11 (nanoseconds in 63 bits) become 1970-01-01, and access is never before modification.
[[nodiscard]] Metadata metadata_of(Entry& entry);

// The functions below change only what differs from `now`, in the one order that keeps set-id bits
// and file capabilities: owner (chown clears both), xattrs, mode.
//
// Xattrs: trusted.* is left out as containerd does (it would forge overlay marks); a filesystem
// without xattrs is no error, nor is a user.* that the type of inode cannot have.

// For an open regular file or directory. Does not touch the times.
[[nodiscard]] Status set_metadata(int fd, const struct stat& now, const Metadata& metadata);

// For any other inode, and hard links, by name in `directory`; links are not followed. Times too.
[[nodiscard]] Status set_metadata_at(int directory, const std::string& name, const struct stat& now,
                                     const Metadata& metadata);

[[nodiscard]] Status set_times(int fd, const FileTimes& times);
[[nodiscard]] Status set_times_at(int directory, const std::string& name, const FileTimes& times);

} // namespace lamina
