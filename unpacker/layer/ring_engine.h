// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "unpacker/io/file_ring.h"
#include "unpacker/layer/leaf_engine.h"
#include "unpacker/layer/syscall_engine.h"

namespace lamina {

// The engine `io_uring`: the small files of a batch go to the kernel together and are created,
// written and closed there; what no ring can do (owner, mode and times have no opcode, nor has
// mknod) follows by name. Large and sparse files, other leaves and everything that is in
// somebody's way go the plain way.
class RingEngine final : public LeafEngine {
  public:
    static Result<std::unique_ptr<RingEngine>> open(Writeback writeback);

    Status make(std::vector<WriterItem> batch) override;
    [[nodiscard]] LeafTally tally() const override;

  private:
    RingEngine(std::unique_ptr<FileRing> ring, Writeback writeback)
        : ring_(std::move(ring)), plain_(writeback), small_(writeback) {}

    Status make_small(std::vector<WriterItem*>& items);
    Status finish_small(WriterItem& item, int sys_errno);

    std::unique_ptr<FileRing> ring_; // null after it has failed
    SyscallEngine plain_;            // may have a large file open from one batch to the next
    SyscallEngine small_;            // the end of small files, and another try of those that failed
};

} // namespace lamina
