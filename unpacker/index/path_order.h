// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <string_view>

namespace lamina {

// The order of an index: depth first, the names of one directory bytewise, so that all below a
// directory follows it at once. Same as bytewise, if '/' were smaller than any other byte.
[[nodiscard]] inline std::strong_ordering compare_paths(std::string_view a, std::string_view b) {
    const auto [at_a, at_b] = std::ranges::mismatch(a, b);
    if (at_a == a.end() || at_b == b.end()) {
        return a.size() <=> b.size();
    }
    const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
    return rank(*at_a) <=> rank(*at_b);
}

// "usr" of "usr/bin", "" of "usr".
[[nodiscard]] inline std::string_view parent_path(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// "bin" of "usr/bin", "usr" of "usr".
[[nodiscard]] inline std::string_view last_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

} // namespace lamina
