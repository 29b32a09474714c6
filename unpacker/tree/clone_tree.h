// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "unpacker/base/result.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// Some directories of a tree: each node is one by its name in the node above, the first is the
// root.
struct DirectoryMarks {
    bool is_marked = false;
    std::map<std::string, std::unique_ptr<DirectoryMarks>, std::less<>> inside;
};

struct CloneOptions {
    // 0 takes as many as there are processors for this process. At most limits::kCloneThreadsMax.
    unsigned threads = 0;
    // Of these threads, 0 to 19, nice(2).
    int nice = 0;
    // Directories that get none of the source's metadata but the overlay's marks (trusted.*): they
    // are made with mode 0755, for the process's ids, with the time of the moment. Null for none.
    const DirectoryMarks* fresh = nullptr;
};

// Makes everything below the directory `from` again below the empty directory `to` (both
// borrowed): types, owners, modes, access and modification times, all xattrs, symbolic links,
// fifos, devices (whiteouts among them), groups of hard links, holes. The roots themselves are left
// as they are, as a layer does not change its own. Content is shared where the filesystem can
// (ioctl_ficlone(2)), else copied; no inode is ever shared. File attributes (chattr(1)) are not
// kept.
//
// Needs the privileges to chown and to read everything. Starts its own threads, and blocks until
// they have ended; what a failed call leaves in `to` is the caller's to discard. Returns the disk
// use of `to`, counted as measure_usage() does.
//
// The source may change or vanish meanwhile: then the clone is not what the source was at any
// moment, or the call fails; nothing outside of `to` is ever touched, and links are not followed.
//
// Errors: canceled after `stop`; resource_exhausted for a tree deeper or wider than the limits in
// base/limits.h allow; failed_precondition where a new directory would inherit what nobody can
// tell (default ACLs on `to`; a fresh directory in one with set-group-ID or default ACL), and for
// other filesystems mounted in the source; aborted when a file was cut short; else the errno of
// the call that failed.
[[nodiscard]] Result<Usage> clone_tree(int from, int to, const CloneOptions& options,
                                       const std::stop_token& stop);

} // namespace lamina
