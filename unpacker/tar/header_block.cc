// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar/header_block.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace lamina {
namespace {

struct Field {
    std::string_view what;
    size_t offset;
    size_t length;
};

constexpr Field kName{"name", 0, 100};
constexpr Field kMode{"mode", 100, 8};
constexpr Field kUid{"uid", 108, 8};
constexpr Field kGid{"gid", 116, 8};
constexpr Field kSize{"size", 124, 12};
constexpr Field kModifyTime{"mtime", 136, 12};
constexpr Field kChecksum{"checksum", 148, 8};
constexpr Field kTypeFlag{"type", 156, 1};
constexpr Field kLinkName{"linkname", 157, 100};
constexpr Field kMagicAndVersion{"magic", 257, 8};
constexpr Field kDeviceMajor{"devmajor", 329, 8};
constexpr Field kDeviceMinor{"devminor", 337, 8};
constexpr Field kUstarPrefix{"prefix", 345, 155};
constexpr Field kStarPrefix{"prefix", 345, 131};
constexpr Field kStarAccessTime{"atime", 476, 12};
constexpr Field kStarTrailer{"trailer", 508, 4};
constexpr Field kGnuAccessTime{"atime", 345, 12};

enum class Dialect { v7, ustar, star, gnu };

std::string_view bytes_of(TarBlock block, Field field) {
    return {reinterpret_cast<const char*>(block.data()) + field.offset, field.length};
}

// Up to the first NUL.
std::string text_of(TarBlock block, Field field) {
    const std::string_view bytes = bytes_of(block, field);
    return std::string(bytes.substr(0, bytes.find('\0')));
}

// The first byte's high bit tells base-256; the rest is a big-endian two's complement number (GNU
// tar, star).
std::optional<int64_t> parse_base256(std::string_view digits) {
    const bool is_negative = (static_cast<unsigned char>(digits[0]) & 0x40U) != 0;
    const unsigned inverse = is_negative ? 0xFFU : 0U;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
        unsigned byte = static_cast<unsigned char>(digits[i]) ^ inverse;
        byte &= i == 0 ? 0x7FU : 0xFFU; // the marker is no digit
        if (value >> 56U != 0) {
            return std::nullopt;
        }
        value = value << 8U | byte;
    }
    if (value >> 63U != 0) {
        return std::nullopt;
    }
    return is_negative ? ~static_cast<int64_t>(value) : static_cast<int64_t>(value);
}

// Blanks and NULs around the digits are padding; no digits are 0.
std::optional<int64_t> parse_octal(std::string_view digits) {
    constexpr std::string_view kPadding(" \0", 2);
    const size_t first = digits.find_first_not_of(kPadding);
    if (first == std::string_view::npos) {
        return 0;
    }
    digits = digits.substr(first, digits.find_last_not_of(kPadding) - first + 1);
    digits = digits.substr(0, digits.find('\0'));
    int64_t value = 0;
    for (const char digit : digits) {
        if (digit < '0' || digit > '7' || value >> 60U != 0) {
            return std::nullopt;
        }
        value = value * 8 + (digit - '0');
    }
    return value;
}

Result<int64_t> number_of(TarBlock block, Field field) {
    const std::string_view digits = bytes_of(block, field);
    const bool is_base256 = (static_cast<unsigned char>(digits[0]) & 0x80U) != 0;
    const auto value = is_base256 ? parse_base256(digits) : parse_octal(digits);
    if (!value) {
        return fail(ErrorCode::invalid_argument, fmt::format("bad {} in a tar header", field.what));
    }
    return *value;
}

// Sum of all bytes with the checksum field taken as blanks.
template <class Byte>
int64_t sum_of(TarBlock block) {
    int64_t sum = 0;
    for (size_t i = 0; i < block.size(); ++i) {
        const bool is_checksum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
        sum += is_checksum ? ' ' : static_cast<Byte>(block[i]);
    }
    return sum;
}

// Some old programs summed signed bytes.
bool checksum_matches(TarBlock block) {
    const auto stored = parse_octal(bytes_of(block, kChecksum));
    return stored == sum_of<unsigned char>(block) || stored == sum_of<signed char>(block);
}

Dialect dialect_of(TarBlock block) {
    using namespace std::string_view_literals;
    const std::string_view magic = bytes_of(block, kMagicAndVersion);
    if (magic == "ustar  \0"sv) {
        return Dialect::gnu;
    }
    if (!magic.starts_with("ustar\0"sv)) {
        return Dialect::v7;
    }
    return bytes_of(block, kStarTrailer) == "tar\0"sv ? Dialect::star : Dialect::ustar;
}

void put_prefix(HeaderBlock& header, const std::string& prefix) {
    if (!prefix.empty()) {
        header.name = prefix + "/" + header.name;
    }
}

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; });
}

// GNU's access time stands where ustar has its prefix. Writers of Go before 1.8 put a prefix there
// all the same, which Go still reads.
void read_gnu_access_time(TarBlock block, HeaderBlock& header) {
    if (bytes_of(block, kGnuAccessTime)[0] == '\0') {
        return;
    }
    if (const auto time = number_of(block, kGnuAccessTime)) {
        header.access_time = *time;
    } else if (std::string prefix = text_of(block, kUstarPrefix); is_ascii(prefix)) {
        put_prefix(header, prefix);
    }
}

Status read_dialect(TarBlock block, Dialect dialect, HeaderBlock& header) {
    if (dialect == Dialect::v7) {
        return {};
    }
    TRY_ASSIGN(header.device_major, number_of(block, kDeviceMajor));
    TRY_ASSIGN(header.device_minor, number_of(block, kDeviceMinor));
    if (dialect == Dialect::gnu) {
        read_gnu_access_time(block, header);
    } else if (dialect == Dialect::star) {
        put_prefix(header, text_of(block, kStarPrefix));
        TRY_ASSIGN(header.access_time, number_of(block, kStarAccessTime));
    } else {
        put_prefix(header, text_of(block, kUstarPrefix));
    }
    return {};
}

} // namespace

bool is_zero_block(TarBlock block) {
    return std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; });
}

Result<HeaderBlock> parse_header_block(TarBlock block) {
    if (!checksum_matches(block)) {
        return fail(ErrorCode::invalid_argument, "bad checksum of a tar header");
    }
    HeaderBlock header;
    header.type_flag = bytes_of(block, kTypeFlag)[0];
    header.name = text_of(block, kName);
    header.link_name = text_of(block, kLinkName);
    TRY_ASSIGN(header.mode, number_of(block, kMode));
    TRY_ASSIGN(header.uid, number_of(block, kUid));
    TRY_ASSIGN(header.gid, number_of(block, kGid));
    TRY_ASSIGN(header.size_bytes, number_of(block, kSize));
    TRY_ASSIGN(header.modify_time, number_of(block, kModifyTime));
    TRY(read_dialect(block, dialect_of(block), header));
    return header;
}

} // namespace lamina
