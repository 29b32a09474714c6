// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar/pax_records.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace lamina {
namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr std::string_view kSparsePrefix = "GNU.sparse.";

struct Record {
    std::string_view key;
    std::string_view value;
};

tl::unexpected<Error> malformed(std::string_view what) {
    return fail(ErrorCode::invalid_argument, fmt::format("malformed PAX record: {}", what));
}

// NUL may stand in no key, and in none of these values.
bool has_forbidden_nul(const Record& record) {
    constexpr std::array<std::string_view, 4> kTextKeys{"path", "linkpath", "uname", "gname"};
    const bool is_text = std::ranges::find(kTextKeys, record.key) != kTextKeys.end();
    return record.key.find('\0') != std::string_view::npos ||
           (is_text && record.value.find('\0') != std::string_view::npos);
}

// Takes the first record off `rest`.
Result<Record> take_record(std::string_view& rest) {
    const size_t blank = rest.find(' ');
    const auto length = parse_decimal(rest.substr(0, blank));
    // The shortest record is "5 a=\n" after its length and blank: key, '=' and newline.
    if (blank == std::string_view::npos || !length || *length < 0 ||
        static_cast<size_t>(*length) > rest.size() || static_cast<size_t>(*length) < blank + 2) {
        return malformed("bad length");
    }
    const auto end = static_cast<size_t>(*length);
    const std::string_view text = rest.substr(blank + 1, end - blank - 1);
    rest.remove_prefix(end);
    const size_t equals = text.find('=');
    if (text.back() != '\n' || equals == std::string_view::npos || equals == 0) {
        return malformed("no key, no '=' or no newline");
    }
    const Record record{text.substr(0, equals), text.substr(equals + 1, text.size() - equals - 2)};
    if (has_forbidden_nul(record)) {
        return malformed("NUL byte");
    }
    return record;
}

Status read_number(const Record& record, std::optional<int64_t>& number) {
    number = parse_decimal(record.value);
    return number ? Status() : malformed(fmt::format("{} is no number", record.key));
}

// "<seconds>[.<fraction>]", of which nanoseconds are kept.
Status read_time(const Record& record, std::optional<timespec>& time) {
    const size_t point = std::min(record.value.find('.'), record.value.size());
    const auto seconds = parse_decimal(record.value.substr(0, point));
    std::string fraction(record.value.substr(std::min(point + 1, record.value.size())));
    if (!seconds || fraction.find_first_not_of("0123456789") != std::string::npos) {
        return malformed(fmt::format("{} is no time", record.key));
    }
    fraction.resize(9, '0');
    int64_t nanoseconds = parse_decimal(fraction).value_or(0);
    time = timespec{*seconds, nanoseconds};
    constexpr int64_t kEarliest = std::numeric_limits<int64_t>::min(); // of all that is before 1970
    if (record.value.starts_with('-') && nanoseconds != 0 && *seconds != kEarliest) {
        time = timespec{*seconds - 1, 1'000'000'000 - nanoseconds};
    }
    return {};
}

void set_sparse(PaxRecords& records, std::string_view key, std::string_view value) {
    if (key == "offset" || key == "numbytes") {
        std::string& map = records.sparse["map"];
        map += map.empty() ? "" : ",";
        map += value;
    } else {
        records.sparse[std::string(key)] = value;
    }
}

Status read_record(const Record& record, PaxRecords& records) {
    if (record.key.starts_with(kXattrPrefix)) {
        records.xattrs.emplace_back(record.key.substr(kXattrPrefix.size()), record.value);
    } else if (record.value.empty()) {
        return {};
    } else if (record.key == "path") {
        records.path = record.value;
    } else if (record.key == "linkpath") {
        records.link_path = record.value;
    } else if (record.key == "uid") {
        return read_number(record, records.uid);
    } else if (record.key == "gid") {
        return read_number(record, records.gid);
    } else if (record.key == "size") {
        return read_number(record, records.size_bytes);
    } else if (record.key == "mtime") {
        return read_time(record, records.modify_time);
    } else if (record.key == "atime") {
        return read_time(record, records.access_time);
    } else if (record.key.starts_with(kSparsePrefix)) {
        set_sparse(records, record.key.substr(kSparsePrefix.size()), record.value);
    }
    return {};
}

} // namespace

std::optional<int64_t> parse_decimal(std::string_view text) {
    if (text.starts_with('+')) { // Go's ParseInt takes a sign of either kind
        text.remove_prefix(1);
        if (text.starts_with('-')) {
            return std::nullopt;
        }
    }
    int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [parsed_to, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || parsed_to != end) {
        return std::nullopt;
    }
    return value;
}

Result<PaxRecords> parse_pax_records(std::string_view body) {
    PaxRecords records;
    while (!body.empty()) {
        TRY_ASSIGN(const Record record, take_record(body));
        TRY(read_record(record, records));
    }
    return records;
}

} // namespace lamina
