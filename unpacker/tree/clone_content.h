// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include <sys/stat.h>

#include "unpacker/base/result.h"

namespace lamina {

// What the threads of one clone share.
struct CloneState {
    std::atomic<bool> can_reflink = true; // until the filesystem says that it cannot
    std::atomic<bool> is_over = false;    // an error or a stop: whoever sees it ends soon
};

// Copies the content of files, holes as holes. One thread at a time.
class ContentCloner {
  public:
    explicit ContentCloner(CloneState& state) : state_(state) {}

    // Makes the empty file `to` hold what `from`, a regular file with this `status`, holds. aborted
    // when `from` is shorter by now; canceled once the clone is over.
    Status clone(int from, const struct stat& status, int to);

  private:
    Result<bool> reflink(int from, int to);
    Status copy_data_between_holes(int from, off_t size, int to);
    Status copy_range(int from, off_t begin, off_t end, int to);
    Result<off_t> copy_in_kernel(int from, off_t begin, off_t end, int to);
    Status copy_through_buffer(int from, off_t begin, off_t end, int to);

    CloneState& state_;
    std::vector<std::byte> buffer_;
};

} // namespace lamina
