// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar/reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"

namespace lamina {
namespace {

uint64_t padding_of(uint64_t bytes) {
    return (kTarBlockBytes - bytes % kTarBlockBytes) % kTarBlockBytes;
}

bool is_extension(char type) {
    return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

Result<EntryType> type_of(char flag, std::string_view name) {
    switch (flag) {
    case '\0': // of the time before there were directory entries
        return name.ends_with('/') ? EntryType::directory : EntryType::file;
    case '0':
        return EntryType::file;
    case '1':
        return EntryType::hard_link;
    case '2':
        return EntryType::symlink;
    case '3':
        return EntryType::character_device;
    case '4':
        return EntryType::block_device;
    case '5':
        return EntryType::directory;
    case '6':
        return EntryType::fifo;
    case 'S':
        return fail(ErrorCode::invalid_argument,
                    "tar entry type 'S', a sparse file of the old GNU format");
    default:
        break;
    }
    const auto code = static_cast<unsigned char>(flag);
    const bool is_printable = code > 0x20 && code < 0x7f;
    return fail(ErrorCode::invalid_argument,
                fmt::format("unknown tar entry type {}", is_printable
                                                             ? fmt::format("'{}'", flag)
                                                             : fmt::format("{:#04x}", code)));
}

bool is_device(EntryType type) {
    return type == EntryType::character_device || type == EntryType::block_device;
}

// Linux device numbers have 12 and 20 bits (linux/kdev_t.h); containerd refuses those over 32.
Result<dev_t> device_of(const HeaderBlock& header) {
    constexpr int64_t kMajorMax = (1 << 12) - 1;
    constexpr int64_t kMinorMax = (1 << 20) - 1;
    if (header.device_major < 0 || header.device_major > kMajorMax || header.device_minor < 0 ||
        header.device_minor > kMinorMax) {
        return fail(ErrorCode::invalid_argument, "device number out of range");
    }
    return makedev(static_cast<unsigned>(header.device_major),
                   static_cast<unsigned>(header.device_minor));
}

Result<uint64_t> owner_of(int64_t id) {
    constexpr int64_t kIdMax = std::numeric_limits<uint32_t>::max() - 1LL; // -1: chown's "keep"
    if (id < 0 || id > kIdMax) {
        return fail(ErrorCode::invalid_argument, fmt::format("owner {} out of range", id));
    }
    return static_cast<uint64_t>(id);
}

std::string_view text_of(const Slice& slice) {
    return {reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size()};
}

std::string_view value_or_empty(const PaxRecords& pax, std::string_view key) {
    const auto found = pax.sparse.find(key);
    return found == pax.sparse.end() ? std::string_view() : found->second;
}

// How many lines follow the first one, which says how many pairs there are.
Result<size_t> sparse_lines(std::string_view first_line) {
    const auto pairs = parse_decimal(first_line);
    if (!pairs || *pairs < 0 || static_cast<uint64_t>(*pairs) > limits::kTarExtensionBytesMax) {
        return fail(ErrorCode::invalid_argument, "bad length of a sparse map");
    }
    return 2 * static_cast<size_t>(*pairs);
}

enum class SparseVersion { none, in_records, in_body };

// Go (archive/tar, readGNUSparsePAXHeaders): versions 0.0 and 0.1 may come without their number.
SparseVersion sparse_version(const PaxRecords& pax) {
    const std::string_view major = value_or_empty(pax, "major");
    const std::string_view minor = value_or_empty(pax, "minor");
    if (major == "1" && minor == "0") {
        return SparseVersion::in_body;
    }
    const bool is_0 = major == "0" && (minor == "0" || minor == "1");
    const bool is_unnumbered = major.empty() && minor.empty() && pax.sparse.contains("map");
    return is_0 || is_unnumbered ? SparseVersion::in_records : SparseVersion::none;
}

} // namespace

Error TarReader::located(Error error) const {
    if (last_name_.empty()) {
        return error;
    }
    return with_context(fmt::format("after entry \"{}\"", shortened(last_name_)), std::move(error));
}

Result<std::optional<Entry>> TarReader::next_entry() {
    auto entry = read_entry();
    if (!entry) {
        return fail(located(entry.error()));
    }
    return entry;
}

Result<std::optional<Entry>> TarReader::read_entry() {
    TRY(stream_.skip(std::exchange(bytes_left_, 0) + std::exchange(padding_, 0)));
    Extensions extensions;
    bool is_begun = false;
    while (true) {
        TRY_ASSIGN(auto header, read_header());
        if (!header && is_begun) {
            return fail(ErrorCode::data_loss, "archive ends after an extension header");
        }
        if (!header) {
            return std::nullopt;
        }
        if (is_extension(header->type_flag)) {
            TRY(read_extension(*header, extensions));
            is_begun = header->type_flag != 'g';
            continue;
        }
        TRY_ASSIGN(Entry entry, to_entry(*header, extensions));
        last_name_ = entry.name;
        return entry;
    }
}

// Nothing at the end of the archive.
Result<std::optional<HeaderBlock>> TarReader::read_header() {
    if (is_at_end_) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto block, stream_.take_exactly(kTarBlockBytes));
    is_at_end_ = !block || is_zero_block(block->bytes.first<kTarBlockBytes>());
    if (!is_at_end_) {
        return parse_header_block(block->bytes.first<kTarBlockBytes>());
    }
    if (block) {
        TRY_ASSIGN(const auto second, stream_.take_exactly(kTarBlockBytes));
        if (second && !is_zero_block(second->bytes.first<kTarBlockBytes>())) {
            return fail(ErrorCode::invalid_argument, "archive goes on after a single zero block");
        }
    }
    return std::nullopt;
}

Status TarReader::read_extension(const HeaderBlock& header, Extensions& extensions) {
    TRY_ASSIGN(std::string body, read_extension_body(header.size_bytes));
    switch (header.type_flag) {
    case 'x': {
        TRY_ASSIGN(extensions.pax, parse_pax_records(body));
        break;
    }
    case 'L':
        extensions.long_name = body.substr(0, body.find('\0'));
        break;
    case 'K':
        extensions.long_link = body.substr(0, body.find('\0'));
        break;
    default: // 'g': well-formed, but nobody heeds it; what stood before it is void as well
        TRY(parse_pax_records(body));
        extensions = {};
        break;
    }
    return {};
}

Result<std::string> TarReader::read_extension_body(int64_t bytes) {
    if (bytes < 0 || static_cast<uint64_t>(bytes) > limits::kTarExtensionBytesMax) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("extension header of {} bytes, more than the {} allowed", bytes,
                                limits::kTarExtensionBytesMax));
    }
    if (bytes == 0) {
        return std::string();
    }
    const auto count = static_cast<size_t>(bytes);
    TRY_ASSIGN(const auto body, stream_.take_exactly(count + padding_of(count)));
    if (!body) {
        return fail(ErrorCode::data_loss, "archive ends early, within an extension header");
    }
    return std::string(text_of(*body).substr(0, count));
}

Result<Entry> TarReader::to_entry(HeaderBlock& header, Extensions& extensions) {
    PaxRecords& pax = extensions.pax;
    Entry entry;
    entry.name = extensions.long_name.empty() ? pax.path.value_or(std::move(header.name))
                                              : std::move(extensions.long_name);
    entry.link_name = extensions.long_link.empty()
                          ? pax.link_path.value_or(std::move(header.link_name))
                          : std::move(extensions.long_link);
    const auto in_entry = [&](Error error) {
        return fail(
            with_context(fmt::format("entry \"{}\"", shortened(entry.name)), std::move(error)));
    };
    const auto type = type_of(header.type_flag, entry.name);
    const auto uid = owner_of(pax.uid.value_or(header.uid));
    const auto gid = owner_of(pax.gid.value_or(header.gid));
    if (!type || !uid || !gid) {
        return in_entry(!type ? type.error() : !uid ? uid.error() : gid.error());
    }
    entry.type = *type;
    entry.uid = *uid;
    entry.gid = *gid;
    if (is_device(entry.type)) {
        const auto device = device_of(header);
        if (!device) {
            return in_entry(device.error());
        }
        entry.device = *device;
    }
    entry.mode = static_cast<uint32_t>(header.mode) & 07777U;
    entry.modify_time = pax.modify_time.value_or(timespec{header.modify_time, 0});
    entry.access_time = pax.access_time.value_or(timespec{header.access_time, 0});
    entry.xattrs = std::move(pax.xattrs);
    if (auto started = start_content(entry, pax.size_bytes.value_or(header.size_bytes), pax);
        !started) {
        return in_entry(started.error());
    }
    return entry;
}

Status TarReader::start_content(Entry& entry, int64_t body_bytes, const PaxRecords& pax) {
    if (entry.type != EntryType::file) {
        body_bytes = 0;
    }
    if (body_bytes < 0) {
        return fail(ErrorCode::invalid_argument, "negative size");
    }
    bytes_left_ = static_cast<uint64_t>(body_bytes);
    padding_ = padding_of(bytes_left_);
    entry.size_bytes = bytes_left_;
    parts_ = {{0, body_bytes}};
    next_part_ = 0;
    return sparse_version(pax) == SparseVersion::none ? Status() : start_sparse_content(entry, pax);
}

Status TarReader::start_sparse_content(Entry& entry, const PaxRecords& pax) {
    if (entry.type != EntryType::file) {
        return fail(ErrorCode::invalid_argument, "sparse map of an entry without content");
    }
    if (const auto name = value_or_empty(pax, "name"); !name.empty()) {
        entry.name = name;
    }
    const auto old_key = value_or_empty(pax, "size");
    const auto size_text = old_key.empty() ? value_or_empty(pax, "realsize") : old_key;
    const auto file_bytes = size_text.empty() ? static_cast<int64_t>(entry.size_bytes)
                                              : parse_decimal(size_text).value_or(-1);
    if (file_bytes < 0) {
        return fail(ErrorCode::invalid_argument, "bad size of a sparse file");
    }
    entry.size_bytes = static_cast<uint64_t>(file_bytes);
    entry.is_sparse = true;
    if (sparse_version(pax) == SparseVersion::in_body) {
        TRY_ASSIGN(const std::string pairs, read_sparse_map());
        TRY_ASSIGN(parts_, parse_sparse_map(pairs, '\n', file_bytes));
    } else {
        TRY_ASSIGN(parts_, parse_sparse_map(value_or_empty(pax, "map"), ',', file_bytes));
    }
    uint64_t held_bytes = 0;
    for (const SparsePart& part : parts_) {
        held_bytes += static_cast<uint64_t>(part.length_bytes);
    }
    if (held_bytes != bytes_left_) {
        return fail(ErrorCode::invalid_argument, "sparse map does not fit the data");
    }
    return {};
}

// Version 1.0: the body begins with lines, padded to whole blocks: how many pairs, then the pairs.
Result<std::string> TarReader::read_sparse_map() {
    std::string text;
    size_t end = 0; // of the lines that are complete
    std::optional<size_t> lines_left;
    size_t pairs_begin = 0;
    while (!lines_left || *lines_left > 0) {
        const size_t newline = text.find('\n', end);
        if (newline == std::string::npos) {
            TRY_ASSIGN(const std::string block, read_sparse_block(text.size()));
            text += block;
            continue;
        }
        if (!lines_left) {
            TRY_ASSIGN(lines_left, sparse_lines(text.substr(0, newline)));
            pairs_begin = newline + 1;
        } else {
            --*lines_left;
        }
        end = newline + 1;
    }
    return text.substr(pairs_begin, end - pairs_begin);
}

Result<std::string> TarReader::read_sparse_block(size_t bytes_so_far) {
    if (bytes_left_ < kTarBlockBytes || bytes_so_far >= limits::kTarExtensionBytesMax) {
        return fail(ErrorCode::invalid_argument, "sparse map is cut short or too long");
    }
    TRY_ASSIGN(const auto block, stream_.take_exactly(kTarBlockBytes));
    if (!block) {
        return fail(ErrorCode::data_loss, "archive ends early, within a sparse map");
    }
    bytes_left_ -= kTarBlockBytes;
    return std::string(text_of(*block));
}

Result<std::optional<ContentBlock>> TarReader::next_block() {
    while (next_part_ < parts_.size() && parts_[next_part_].length_bytes == 0) {
        ++next_part_;
    }
    if (next_part_ == parts_.size()) {
        return std::nullopt;
    }
    SparsePart& part = parts_[next_part_];
    auto slice = stream_.take(static_cast<uint64_t>(part.length_bytes));
    if (!slice) {
        return fail(located(slice.error()));
    }
    ContentBlock block{*std::move(slice), static_cast<uint64_t>(part.offset_bytes)};
    const auto taken = static_cast<int64_t>(block.slice.bytes.size());
    part.offset_bytes += taken;
    part.length_bytes -= taken;
    bytes_left_ -= block.slice.bytes.size();
    return block;
}

} // namespace lamina
