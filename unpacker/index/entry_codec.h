// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "unpacker/index/index_entry.h"

namespace lamina {

// The entries of an index as bytes, each told by how it differs from those before it:
//
//   path     bytes shared with the path before, number of bytes that follow, those bytes
//   fields   bit set: type and FieldBit; what its bits say is there follows in this order
//   mode, uid and gid, seconds since the entry before, nanoseconds,
//   size of a file | target of a symlink | major and minor of a device,
//   link group, digest of xattrs (new, or the number of one that came before), digest of content
//
// Numbers are LEB128, seven bits to a byte, lowest first; differences are zigzag.

// What both sides remember.
struct CodecState {
    std::string path;
    uid_t uid = 0;
    gid_t gid = 0;
    int64_t seconds = 0;
    std::array<mode_t, 8> modes{}; // by type
};

class EntryEncoder {
  public:
    // Appends `entry` to `out`.
    void encode(const IndexEntry& entry, std::string& out);

  private:
    void encode_path(const std::string& path, std::string& out);
    void encode_fields(const IndexEntry& entry, uint64_t fields, std::string& out);
    void encode_xattrs(const Sha256Hash& digest, std::string& out);

    CodecState last_;
    std::map<Sha256Hash, uint64_t> xattrs_;
};

class EntryDecoder {
  public:
    explicit EntryDecoder(std::string_view bytes) : rest_(bytes) {}

    // False when the bytes are no entry. That the entry makes sense is check_entry.h's matter.
    [[nodiscard]] bool decode(IndexEntry& entry);
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

  private:
    void decode_path(IndexEntry& entry);
    void decode_owner_and_times(IndexEntry& entry, uint64_t fields);
    void decode_kind(IndexEntry& entry);
    void decode_xattrs(IndexEntry& entry);

    uint64_t number();
    template <class T>
    T number_as();
    std::string_view take(uint64_t size);
    Sha256Hash hash();

    std::string_view rest_;
    bool failed_ = false;
    CodecState last_;
    std::vector<Sha256Hash> xattrs_;
};

} // namespace lamina
