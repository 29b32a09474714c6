// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "unpacker/layer/leaf.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// A piece of work for a writer: a whole leaf, or the beginning of a file, or more of it.
struct WriterItem {
    std::optional<Leaf> leaf; // set where a leaf begins
    std::vector<ContentBlock> content;
    bool is_last = false; // the leaf is complete after this
};

// What an engine has made so far.
struct LeafTally {
    Usage usage;               // inodes made, and what they hold on disk
    bool has_replaced = false; // something that was there before went: `usage` is not all
};

// How leaves come onto the disk: the two engines of lamina stand behind this. Whatever the engine,
// the tree is the same.
//
// For one thread, the one that made it, whose umask must be 0 (use_private_umask()).
class LeafEngine {
  public:
    virtual ~LeafEngine() = default;

    // Does all of `batch`. The leaves of a batch have different names; a file may begin in one
    // batch and end in a later one, with nothing but its own content in between.
    virtual Status make(std::vector<WriterItem> batch) = 0;

    [[nodiscard]] virtual LeafTally tally() const = 0;
};

// `threads`: plain system calls. `io_uring`: small files by a ring of the thread's own, the rest by
// plain system calls.
enum class EngineKind { threads, io_uring };

// When the content of files starts on its way to the disk.
enum class Writeback {
    by_kernel, // when its flusher thinks so
    early,     // at the end of each file, without waiting: the barrier at the end of all is short
};

[[nodiscard]] std::string_view name_of(EngineKind kind);

// Errors: unavailable where io_uring is forbidden or too old.
[[nodiscard]] Result<std::unique_ptr<LeafEngine>>
make_engine(EngineKind kind, Writeback writeback = Writeback::by_kernel);

} // namespace lamina
