// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar/sparse_map.h"

#include <algorithm>
#include <limits>

#include "unpacker/tar/pax_records.h"

namespace lamina {
namespace {

Result<int64_t> take_number(std::string_view& rest, char separator) {
    const size_t end = std::min(rest.find(separator), rest.size());
    const auto number = parse_decimal(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!number || *number < 0) {
        return fail(ErrorCode::invalid_argument, "bad number in the map of a sparse file");
    }
    return *number;
}

} // namespace

Result<SparseMap> parse_sparse_map(std::string_view pairs, char separator, int64_t file_bytes) {
    SparseMap map;
    int64_t end = 0;
    while (!pairs.empty()) {
        SparsePart part;
        TRY_ASSIGN(part.offset_bytes, take_number(pairs, separator));
        TRY_ASSIGN(part.length_bytes, take_number(pairs, separator));
        const bool overflows =
            part.offset_bytes > std::numeric_limits<int64_t>::max() - part.length_bytes;
        if (overflows || part.offset_bytes < end ||
            part.offset_bytes + part.length_bytes > file_bytes) {
            return fail(ErrorCode::invalid_argument, "map of a sparse file contradicts itself");
        }
        end = part.offset_bytes + part.length_bytes;
        map.push_back(part);
    }
    return map;
}

} // namespace lamina
