// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sys/stat.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/result.h"
#include "unpacker/tree/clone_content.h"

namespace lamina {

// Makes one inode like another. Keeps a buffer, so one for each thread.
class InodeCloner {
  public:
    explicit InodeCloner(CloneState& state) : content_(state) {}

    // A file, link or device that is to be made again.
    struct Source {
        int directory; // borrowed
        const char* name;
        Fd file; // of a regular file only
        struct stat status{};
    };
    // `type` is what readdir(3) said.
    static Result<Source> open(int directory, const char* name, unsigned char type);

    // Makes the same in `directory`, where nothing may have that name. Returns its bytes on disk.
    Result<uint64_t> make(const Source& source, int directory);

    // For directories, whose content comes first. Returns the bytes on disk.
    static Result<uint64_t> copy_metadata(int from, const struct stat& wanted, int to);
    // Only the marks that the overlay reads; else the directory becomes 0755.
    static Result<uint64_t> copy_marks(int from, int to);

  private:
    Result<uint64_t> make_file(const Source& source, int directory);

    ContentCloner content_;
};

// Whether new files in `directory` would get an ACL from it, acl(5).
[[nodiscard]] Result<bool> has_default_acl(int directory);

} // namespace lamina
