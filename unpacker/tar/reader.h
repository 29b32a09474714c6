// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "unpacker/base/chunk.h"
#include "unpacker/base/result.h"
#include "unpacker/tar/entry.h"
#include "unpacker/tar/header_block.h"
#include "unpacker/tar/pax_records.h"
#include "unpacker/tar/slice_stream.h"
#include "unpacker/tar/sparse_map.h"

namespace lamina {

// A stretch of an entry's content. Bytes that no stretch covers are zero (PAX sparse files).
struct ContentBlock {
    Slice slice;
    uint64_t offset_bytes = 0;
};

// Reads a tar stream entry by entry, with the meaning that Go's archive/tar gives it, since that is
// what containerd reads layers with:
//   - V7, ustar, PAX, GNU and star headers; GNU long names before PAX paths before header fields;
//   - links, devices, directories and FIFOs have no body, whatever their size says;
//   - PAX sparse files are expanded; old GNU sparse, contiguous and unknown types are refused;
//   - the archive ends with two zero blocks, or with the stream at the border of an entry;
//   - extension headers have at most 1 MiB; global PAX headers are passed over.
// Why not libarchive: unpacker/README.md, "Tar".
//
// One thread at a time. Errors: invalid_argument for a malformed archive, data_loss for one that
// ends early; both name the entry that was read last.
class TarReader {
  public:
    explicit TarReader(SliceStream::NextSlice next_slice) : stream_(std::move(next_slice)) {}

    // The next entry; what was not read of the one before is passed over. Nothing at the end.
    Result<std::optional<Entry>> next_entry();

    // The next block of the current entry's content, in place; nothing at its end.
    Result<std::optional<ContentBlock>> next_block();

  private:
    // What the extension headers before an entry have said.
    struct Extensions {
        std::string long_name;
        std::string long_link;
        PaxRecords pax;
    };

    Result<std::optional<Entry>> read_entry();
    Result<std::optional<HeaderBlock>> read_header();
    Status read_extension(const HeaderBlock& header, Extensions& extensions);
    Result<std::string> read_extension_body(int64_t bytes);
    Result<Entry> to_entry(HeaderBlock& header, Extensions& extensions);
    Status start_content(Entry& entry, int64_t body_bytes, const PaxRecords& pax);
    Status start_sparse_content(Entry& entry, const PaxRecords& pax);
    Result<std::string> read_sparse_map();
    Result<std::string> read_sparse_block(size_t bytes_so_far);
    [[nodiscard]] Error located(Error error) const;

    SliceStream stream_;
    bool is_at_end_ = false;
    std::string last_name_;

    // Of the current entry's body.
    uint64_t bytes_left_ = 0;
    uint64_t padding_ = 0;
    // Where its data belong; the part in front is the one being read.
    SparseMap parts_;
    size_t next_part_ = 0;
};

} // namespace lamina
