// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/id_map.h"

#include <charconv>
#include <cstdint>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "snapshotter/core/labels.h"

namespace lamina {
namespace {

struct Range {
    uint32_t container = 0;
    uint32_t host = 0;
    uint32_t size = 0;
};

Error bad_mapping(std::string_view mapping, std::string_view reason) {
    return {ErrorCode::invalid_argument, 0, fmt::format("id mapping '{}' {}", mapping, reason)};
}

// The part of `text` before the first `separator`, which goes too; all of it when there is none.
std::string_view take_until(std::string_view& text, char separator) {
    const size_t end = text.find(separator);
    const auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

bool parse_number(std::string_view text, uint32_t& value) {
    const char* const end = std::to_address(text.end());
    const auto [stopped, error] = std::from_chars(std::to_address(text.begin()), end, value);
    return !text.empty() && error == std::errc() && stopped == end;
}

Result<Range> parse_range(std::string_view mapping, std::string_view text) {
    Range range;
    const bool numbers = parse_number(take_until(text, ':'), range.container) &&
                         parse_number(take_until(text, ':'), range.host) &&
                         parse_number(text, range.size);
    if (!numbers) {
        return fail(bad_mapping(mapping, "is not container:host:size[,...]"));
    }
    return range;
}

Result<uint32_t> host_id_of_root(std::string_view mapping) {
    std::optional<uint32_t> root;
    for (auto rest = mapping; !rest.empty();) {
        TRY_ASSIGN(const auto range, parse_range(mapping, take_until(rest, ',')));
        if (range.container == 0 && range.size > 0 && !root) {
            root = range.host;
        }
    }
    if (mapping.empty()) {
        return 0; // identity
    }
    if (!root) {
        return fail(bad_mapping(mapping, "does not map id 0"));
    }
    return *root;
}

} // namespace

Result<std::optional<Owner>> mapped_root(const Labels& labels) {
    const auto uids = label_value(labels, label::kUidMapping);
    const auto gids = label_value(labels, label::kGidMapping);
    if (uids.empty() && gids.empty()) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto uid, host_id_of_root(uids));
    TRY_ASSIGN(const auto gid, host_id_of_root(gids));
    return Owner{uid, gid};
}

} // namespace lamina
