// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "unpacker/layer/leaf_engine.h"

namespace lamina {

// Makes leaves one after the other with plain system calls: begin(), then write() for a file's
// content in any number of blocks, then finish().
//
// Expects the calling thread's umask to be 0 (use_private_umask()), so that files get their mode
// at creation. What is in the way under a leaf's name is replaced. For one thread.
class LeafMaker {
  public:
    explicit LeafMaker(Writeback writeback) : writeback_(writeback) {}

    Status begin(Leaf leaf);
    Status write(const ContentBlock& block);
    Status finish();

    // The end of a file that is there with all its content, but was not begun here.
    Status finish_existing(Leaf leaf);

    [[nodiscard]] const LeafTally& tally() const { return tally_; }

  private:
    Status create();
    Result<Fd> create_file();
    Status make_node();
    Status finish_file();
    Status finish_node();
    void count(const struct stat& made);
    [[nodiscard]] Error error(Error cause) const;

    const Writeback writeback_;
    std::optional<Leaf> leaf_;
    Fd file_;
    uint64_t written_bytes_ = 0; // end of the last block
    LeafTally tally_;
};

// Gives the calling thread a umask of its own, 0, without touching the process's.
[[nodiscard]] Status use_private_umask();

} // namespace lamina
