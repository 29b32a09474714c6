// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "unpacker/base/result.h"
#include "unpacker/index/index_entry.h"

namespace lamina {

class EntryDecoder;

// What is in the tree of one layer: an entry for each name, in the order of path_order.h. Held in
// the form of its file, about 20 bytes for an entry, and complete: the root and every directory on
// the way to an entry are entries. Const functions may be called by several threads.
//
// The file: "lamina-i", version (32 bits, little-endian), the entries (entry_codec.h), SHA-256 of
// all that.
class LayerIndex {
  public:
    // Of the bytes of a file, which may be anything; data_loss says what is wrong with them.
    static Result<LayerIndex> parse(std::string bytes);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] uint64_t entries() const { return entries_; }

    // The first entry that is_redirected, if there is one.
    [[nodiscard]] const std::optional<std::string>& redirected_path() const { return redirected_; }

  private:
    LayerIndex() = default;
    Status check_entries();

    std::string bytes_;
    uint64_t entries_ = 0;
    std::optional<std::string> redirected_;
};

// Reads an index from front to end. The index outlives it. One thread at a time.
class IndexReader {
  public:
    explicit IndexReader(const LayerIndex& index);
    ~IndexReader();
    IndexReader(IndexReader&&) noexcept;

    // The next entry, borrowed until the next call; nullptr after the last one.
    [[nodiscard]] const IndexEntry* next();

  private:
    uint64_t left_;
    std::unique_ptr<EntryDecoder> decoder_;
    IndexEntry entry_;
};

// Into an empty file (borrowed).
[[nodiscard]] Status write_index(int file, const LayerIndex& index);
// A new file `name` in `directory` (borrowed); already_exists if there is one.
[[nodiscard]] Status save_index(int directory, const std::string& name, const LayerIndex& index);
[[nodiscard]] Result<LayerIndex> load_index(int directory, const std::string& name);

} // namespace lamina
