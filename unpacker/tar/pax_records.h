// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "unpacker/base/result.h"
#include "unpacker/tar/entry.h"

namespace lamina {

// What a PAX extended header (pax(1), "pax Extended Header") says of the entry after it. Absent
// where it says nothing, or nothing but an empty value, which keeps the header block's own. (An
// xattr may well be empty.)
struct PaxRecords {
    std::optional<std::string> path;
    std::optional<std::string> link_path;
    std::optional<int64_t> uid;
    std::optional<int64_t> gid;
    std::optional<int64_t> size_bytes; // length of the body in the archive
    std::optional<timespec> modify_time;
    std::optional<timespec> access_time;
    Xattrs xattrs; // SCHILY.xattr.<name>, the only form containerd reads
    // GNU.sparse.<key>. Offsets and lengths of version 0.0, one record each, stand in `map` joined
    // by commas, as version 0.1 has them.
    std::map<std::string, std::string, std::less<>> sparse;
};

// As strict as Go's archive/tar: invalid_argument for a malformed record ("<length> <key>=<value>
// and a newline"), number or time.
[[nodiscard]] Result<PaxRecords> parse_pax_records(std::string_view body);

// A decimal number, with a sign or not, that is the whole of `text`.
[[nodiscard]] std::optional<int64_t> parse_decimal(std::string_view text);

} // namespace lamina
