// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "unpacker/layer/leaf_engine.h"
#include "unpacker/layer/leaf_maker.h"

namespace lamina {

// The engine `threads`: leaf after leaf by plain system calls.
class SyscallEngine final : public LeafEngine {
  public:
    explicit SyscallEngine(Writeback writeback) : maker_(writeback) {}

    Status make(std::vector<WriterItem> batch) override {
        for (WriterItem& item : batch) {
            TRY(make_one(item));
        }
        return {};
    }

    Status make_one(WriterItem& item) {
        if (item.leaf) {
            TRY(maker_.begin(*std::move(item.leaf)));
        }
        for (const ContentBlock& block : item.content) {
            TRY(maker_.write(block));
        }
        return item.is_last ? maker_.finish() : Status();
    }

    // For a file that another engine has created and filled.
    Status finish_existing(Leaf leaf) { return maker_.finish_existing(std::move(leaf)); }

    [[nodiscard]] LeafTally tally() const override { return maker_.tally(); }

  private:
    LeafMaker maker_;
};

} // namespace lamina
