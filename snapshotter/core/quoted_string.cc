// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdint>
#include <optional>

#include "snapshotter/core/filter_parser.h"

namespace lamina {
namespace {

Error bad_literal(const char* reason) {
    return {ErrorCode::invalid_argument, 0, reason};
}

std::optional<char> simple_escape(char letter) {
    switch (letter) {
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    case '\\':
        return '\\';
    default:
        return std::nullopt;
    }
}

Result<uint32_t> take_digits(std::string_view& text, size_t count, int base) {
    uint32_t value = 0;
    const char* end = text.data() + std::min(count, text.size());
    const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc() || stopped != text.data() + count) {
        return fail(bad_literal("too few digits in an escape"));
    }
    text.remove_prefix(count);
    return value;
}

// RFC 3629.
Status append_utf8(uint32_t rune, std::string& out) {
    const auto tail = [&](unsigned shift) {
        out += static_cast<char>(0x80 | ((rune >> shift) & 0x3f));
    };
    if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
        return fail(bad_literal("an escape names no Unicode character"));
    }
    if (rune < 0x80) {
        out += static_cast<char>(rune);
    } else if (rune < 0x800) {
        out += static_cast<char>(0xc0 | (rune >> 6));
        tail(0);
    } else if (rune < 0x10000) {
        out += static_cast<char>(0xe0 | (rune >> 12));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xf0 | (rune >> 18));
        tail(12);
        tail(6);
        tail(0);
    }
    return {};
}

Status take_byte(std::string_view& text, size_t digits, int base, std::string& out) {
    TRY_ASSIGN(const uint32_t value, take_digits(text, digits, base));
    if (value > 0xff) {
        return fail(bad_literal("an octal escape is beyond \\377"));
    }
    out += static_cast<char>(value);
    return {};
}

// `text` is behind the backslash.
Status take_escape(std::string_view& text, char quote, std::string& out) {
    if (text.empty()) {
        return fail(bad_literal("quoted literal not terminated"));
    }
    const char letter = text.front();
    if (letter >= '0' && letter <= '7') {
        return take_byte(text, 3, 8, out);
    }
    text.remove_prefix(1);
    if (const auto simple = simple_escape(letter)) {
        out += *simple;
        return {};
    }
    if (letter == quote) {
        out += quote;
        return {};
    }
    if (letter == 'x') {
        return take_byte(text, 2, 16, out);
    }
    if (letter == 'u' || letter == 'U') {
        TRY_ASSIGN(const uint32_t rune, take_digits(text, letter == 'u' ? 4 : 8, 16));
        return append_utf8(rune, out);
    }
    return fail(bad_literal("unknown escape"));
}

} // namespace

Result<std::string> take_quoted(std::string_view& text) {
    const char quote = text.front();
    text.remove_prefix(1);
    std::string out;
    while (!text.empty()) {
        const char next = text.front();
        text.remove_prefix(1);
        if (next == quote) {
            return out;
        }
        if (next == '\n') {
            return fail(bad_literal("line end in a quoted literal"));
        }
        if (next == '\\') {
            TRY(take_escape(text, quote, out));
        } else {
            out += next;
        }
    }
    return fail(bad_literal("quoted literal not terminated"));
}

} // namespace lamina
