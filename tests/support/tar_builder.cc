// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tar_builder.h"

#include <algorithm>

#include <fmt/format.h>

namespace lamina::test {
namespace {

// Offsets and widths of the fields of one header block: POSIX.1-2017 pax, "ustar Interchange
// Format".
struct Field {
    size_t offset;
    size_t width;
};

constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kMtime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kMajor{329, 8};
constexpr Field kMinor{337, 8};

using PaxRecords = std::vector<std::pair<std::string, std::string>>;

std::string padded(std::string_view content) {
    std::string out(content);
    out.resize((out.size() + kTarBlock - 1) / kTarBlock * kTarBlock);
    return out;
}

bool fits_octal(int64_t value, size_t width) {
    return value >= 0 && value < (int64_t{1} << (3 * (width - 1)));
}

class Header {
  public:
    void text(Field field, std::string_view value) {
        bytes(field.offset, value.substr(0, field.width));
    }

    void number(Field field, int64_t value) {
        if (fits_octal(value, field.width)) {
            text(field, fmt::format("{:0{}o}", value, field.width - 1));
        } else {
            text(field, base256(value, field.width));
        }
    }

    // Not by replace(), of which g++ 12 believes that it may overlap (GCC bug 105651).
    void bytes(size_t offset, std::string_view value) {
        std::ranges::copy(value, block_.begin() + static_cast<std::ptrdiff_t>(offset));
    }

    void checksum() {
        text(kChecksum, std::string(kChecksum.width, ' '));
        unsigned sum = 0;
        for (char c : block_) {
            sum += static_cast<unsigned char>(c);
        }
        text(kChecksum, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    }

    [[nodiscard]] const std::string& block() const { return block_; }

  private:
    std::string block_ = std::string(kTarBlock, '\0');
};

bool has_body(const Entry& entry) {
    return std::string_view("123456").find(entry.type) == std::string_view::npos;
}

// What the ustar header cannot say.
PaxRecords overflow_of(const Entry& entry) {
    PaxRecords records;
    if (entry.name.size() > kName.width) {
        records.emplace_back("path", entry.name);
    }
    if (entry.link.size() > kLink.width) {
        records.emplace_back("linkpath", entry.link);
    }
    if (!fits_octal(entry.uid, kUid.width)) {
        records.emplace_back("uid", fmt::format("{}", entry.uid));
    }
    if (!fits_octal(entry.gid, kGid.width)) {
        records.emplace_back("gid", fmt::format("{}", entry.gid));
    }
    return records;
}

PaxRecords records_of(const Entry& entry) {
    PaxRecords records = entry.is_gnu ? PaxRecords{} : overflow_of(entry);
    if (entry.mtime_nanoseconds != 0) {
        records.emplace_back("mtime",
                             fmt::format("{}.{:09}", entry.mtime_seconds, entry.mtime_nanoseconds));
    }
    for (const auto& [key, value] : entry.xattrs) {
        records.emplace_back("SCHILY.xattr." + key, value);
    }
    std::ranges::copy(entry.pax_records, std::back_inserter(records));
    return records;
}

std::string extensions_of(const Entry& entry) {
    std::string out;
    if (entry.is_gnu && entry.name.size() > kName.width) {
        out += gnu_long(entry.name, 'L');
    }
    if (entry.is_gnu && entry.link.size() > kLink.width) {
        out += gnu_long(entry.link, 'K');
    }
    std::string body;
    for (const auto& [key, value] : records_of(entry)) {
        body += pax_record(key, value);
    }
    return body.empty() ? out : out + pax_header(body);
}

std::string header_block(const Entry& entry) {
    Header header;
    header.text(kName, entry.name);
    header.number(kMode, entry.permission_bits);
    header.number(kUid, entry.uid);
    header.number(kGid, entry.gid);
    header.number(kSize, entry.size_claim.value_or(
                             has_body(entry) ? static_cast<int64_t>(entry.content.size()) : 0));
    header.number(kMtime, entry.mtime_seconds);
    header.text(kType, std::string(1, entry.type));
    header.text(kLink, entry.link);
    header.text(kMagic, entry.is_gnu ? "ustar  " : std::string_view("ustar\00000", 8));
    header.number(kMajor, entry.device_major);
    header.number(kMinor, entry.device_minor);
    for (const auto& [offset, bytes] : entry.raw_fields) {
        header.bytes(offset, bytes);
    }
    header.checksum();
    for (const auto& [offset, bytes] : entry.late_raw_fields) {
        header.bytes(offset, bytes);
    }
    return header.block();
}

std::string extension(std::string_view name, char type, std::string_view body, bool gnu) {
    Entry entry = file(std::string(name), std::string(body)).flag(type);
    entry.is_gnu = gnu;
    return header_block(entry) + padded(body);
}

} // namespace

std::string zero_blocks(size_t n) {
    return std::string(n * kTarBlock, '\0');
}

std::string base256(int64_t value, size_t width) {
    std::string out(width, value < 0 ? '\xff' : '\0');
    for (size_t i = 0; i < 8 && i < width; ++i) {
        out[width - 1 - i] = static_cast<char>((static_cast<uint64_t>(value) >> (8 * i)) & 0xff);
    }
    out[0] = static_cast<char>(static_cast<unsigned char>(out[0]) | 0x80U);
    return out;
}

std::string pax_record(std::string_view key, std::string_view value) {
    const size_t payload = key.size() + value.size() + 3; // blank, '=', newline
    size_t length = payload;
    while (fmt::format_int(length).size() + payload != length) {
        length = fmt::format_int(length).size() + payload;
    }
    return fmt::format("{} {}={}\n", length, key, value);
}

std::string pax_header(std::string_view body, char type) {
    return extension(type == 'g' ? "pax_global_header" : "PaxHeaders.0/entry", type, body, false);
}

std::string gnu_long(std::string_view value, char type) {
    return extension("././@LongLink", type, std::string(value) + '\0', true);
}

std::string tar_entry(const Entry& entry) {
    return extensions_of(entry) + header_block(entry) + padded(entry.content);
}

std::string tar_body(const Tree& entries) {
    std::string out;
    for (const Entry& entry : entries) {
        out += tar_entry(entry);
    }
    return out;
}

std::string tar(const Tree& entries) {
    return tar_body(entries) + zero_blocks(2);
}

std::string pax_sparse_file(const std::string& name, int64_t size,
                            const std::vector<std::pair<int64_t, std::string>>& pieces) {
    std::string map = fmt::format("{}\n", pieces.size());
    std::string data;
    for (const auto& [offset, bytes] : pieces) {
        map += fmt::format("{}\n{}\n", offset, bytes.size());
        data += bytes;
    }
    Entry entry = file("GNUSparseFile.0/" + name, padded(map) + data);
    entry.pax("GNU.sparse.major", "1").pax("GNU.sparse.minor", "0");
    entry.pax("GNU.sparse.name", name).pax("GNU.sparse.realsize", fmt::format("{}", size));
    return tar_entry(entry);
}

} // namespace lamina::test
