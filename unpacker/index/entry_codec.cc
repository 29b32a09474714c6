// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/entry_codec.h"

#include <algorithm>
#include <limits>
#include <span>

#include <sys/sysmacros.h>

#include "unpacker/base/limits.h"

namespace lamina {
namespace {

// The rare ones are high, so that most entries need one byte for all.
constexpr uint64_t kTypeMask = 7;
enum FieldBit : uint64_t {
    has_mode = 1 << 3,  // it differs from that of the last entry of this type
    has_owner = 1 << 4, // it differs from that of the last entry
    has_nanoseconds = 1 << 5,
    has_link_group = 1 << 6,
    has_xattrs = 1 << 7,
    has_content = 1 << 8,
    opaque = 1 << 9,
    overlay_marks = 1 << 10,
    redirected = 1 << 11,
    all_bits = (1 << 12) - 1,
};

// Of the xattrs' digest: it follows. A number n > 0 is the n-th that followed.
constexpr uint64_t kNewDigest = 0;

void put(uint64_t number, std::string& out) {
    for (; number > 0x7f; number >>= 7U) {
        out.push_back(static_cast<char>((number & 0x7fU) | 0x80U));
    }
    out.push_back(static_cast<char>(number));
}

void put(const Sha256Hash& hash, std::string& out) {
    out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

// Small numbers for small differences of either sign. Unsigned arithmetic wraps, so that any two
// times have a difference.
uint64_t zigzag(int64_t from, int64_t to) {
    const uint64_t difference = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
    return (difference << 1U) ^ (0 - (difference >> 63U));
}

int64_t add_zigzag(int64_t from, uint64_t number) {
    const uint64_t difference = (number >> 1U) ^ (0 - (number & 1U));
    return static_cast<int64_t>(static_cast<uint64_t>(from) + difference);
}

bool is_device(NodeType type) {
    return type == NodeType::character_device || type == NodeType::block_device;
}

uint64_t bit(bool condition, FieldBit value) {
    return condition ? uint64_t{value} : 0;
}

uint64_t fields_of(const IndexEntry& entry, const CodecState& last) {
    const auto type = static_cast<uint64_t>(entry.type);
    return type | bit(entry.mode != last.modes[type], has_mode) |
           bit(entry.uid != last.uid || entry.gid != last.gid, has_owner) |
           bit(entry.modify_time.tv_nsec != 0, has_nanoseconds) |
           bit(entry.link_group != 0, has_link_group) | bit(entry.xattrs.has_value(), has_xattrs) |
           bit(entry.content.has_value(), has_content) | bit(entry.is_opaque, opaque) |
           bit(entry.has_overlay_marks, overlay_marks) | bit(entry.is_redirected, redirected);
}

void remember(const IndexEntry& entry, CodecState& last) {
    last.path = entry.path;
    last.uid = entry.uid;
    last.gid = entry.gid;
    last.seconds = entry.modify_time.tv_sec;
    last.modes[static_cast<size_t>(entry.type)] = entry.mode;
}

} // namespace

void EntryEncoder::encode(const IndexEntry& entry, std::string& out) {
    encode_path(entry.path, out);
    const uint64_t fields = fields_of(entry, last_);
    put(fields, out);
    encode_fields(entry, fields, out);
    remember(entry, last_);
}

void EntryEncoder::encode_path(const std::string& path, std::string& out) {
    const auto parted = std::ranges::mismatch(path, last_.path);
    const auto shared = static_cast<size_t>(parted.in1 - path.begin());
    put(shared, out);
    put(path.size() - shared, out);
    out.append(path, shared);
}

void EntryEncoder::encode_fields(const IndexEntry& entry, uint64_t fields, std::string& out) {
    if ((fields & has_mode) != 0) {
        put(entry.mode, out);
    }
    if ((fields & has_owner) != 0) {
        put(entry.uid, out);
        put(entry.gid, out);
    }
    put(zigzag(last_.seconds, entry.modify_time.tv_sec), out);
    if ((fields & has_nanoseconds) != 0) {
        put(static_cast<uint64_t>(entry.modify_time.tv_nsec), out);
    }
    if (entry.type == NodeType::file) {
        put(entry.size_bytes, out);
    } else if (entry.type == NodeType::symlink) {
        put(entry.target.size(), out);
        out += entry.target;
    } else if (is_device(entry.type)) {
        put(major(entry.device), out);
        put(minor(entry.device), out);
    }
    if (entry.link_group != 0) {
        put(entry.link_group, out);
    }
    if (entry.xattrs) {
        encode_xattrs(*entry.xattrs, out);
    }
    if (entry.content) {
        put(*entry.content, out);
    }
}

void EntryEncoder::encode_xattrs(const Sha256Hash& digest, std::string& out) {
    const auto [known, is_new] = xattrs_.emplace(digest, xattrs_.size() + 1);
    if (!is_new) {
        put(known->second, out);
        return;
    }
    put(kNewDigest, out);
    put(digest, out);
}

bool EntryDecoder::decode(IndexEntry& entry) {
    entry = {};
    decode_path(entry);
    const uint64_t fields = number();
    failed_ = failed_ || fields > all_bits;
    entry.type = static_cast<NodeType>(fields & kTypeMask);
    entry.is_opaque = (fields & opaque) != 0;
    entry.has_overlay_marks = (fields & overlay_marks) != 0;
    entry.is_redirected = (fields & redirected) != 0;
    decode_owner_and_times(entry, fields);
    decode_kind(entry);
    entry.link_group = (fields & has_link_group) != 0 ? number_as<uint32_t>() : 0;
    if ((fields & has_xattrs) != 0) {
        decode_xattrs(entry);
    }
    if ((fields & has_content) != 0) {
        entry.content = hash();
    }
    remember(entry, last_);
    return !failed_;
}

void EntryDecoder::decode_path(IndexEntry& entry) {
    const uint64_t shared = number();
    const uint64_t added = number();
    if (shared > last_.path.size() || added > limits::kPathBytesMax) {
        failed_ = true;
        return;
    }
    entry.path.assign(last_.path, 0, shared);
    entry.path += take(added);
}

void EntryDecoder::decode_owner_and_times(IndexEntry& entry, uint64_t fields) {
    entry.mode = (fields & has_mode) != 0 ? number_as<mode_t>()
                                          : last_.modes[static_cast<size_t>(entry.type)];
    const bool is_new_owner = (fields & has_owner) != 0;
    entry.uid = is_new_owner ? number_as<uid_t>() : last_.uid;
    entry.gid = is_new_owner ? number_as<gid_t>() : last_.gid;
    entry.modify_time.tv_sec = add_zigzag(last_.seconds, number());
    entry.modify_time.tv_nsec = (fields & has_nanoseconds) != 0 ? number_as<int32_t>() : 0;
}

void EntryDecoder::decode_kind(IndexEntry& entry) {
    if (entry.type == NodeType::file) {
        entry.size_bytes = number();
    } else if (entry.type == NodeType::symlink) {
        entry.target = take(number());
    } else if (is_device(entry.type)) {
        const auto major_number = number_as<uint32_t>();
        entry.device = makedev(major_number, number_as<uint32_t>());
    }
}

void EntryDecoder::decode_xattrs(IndexEntry& entry) {
    const uint64_t which = number();
    if (which == kNewDigest) {
        xattrs_.push_back(hash());
        entry.xattrs = xattrs_.back();
    } else if (which <= xattrs_.size()) {
        entry.xattrs = xattrs_[which - 1];
    } else {
        failed_ = true;
    }
}

uint64_t EntryDecoder::number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        value |= uint64_t{byte & 0x7fU} << shift;
        if ((byte & 0x80U) == 0) {
            return value;
        }
    }
    failed_ = true;
    return 0;
}

template <class T>
T EntryDecoder::number_as() {
    const uint64_t value = number();
    failed_ = failed_ || value > static_cast<uint64_t>(std::numeric_limits<T>::max());
    return static_cast<T>(value);
}

std::string_view EntryDecoder::take(uint64_t size) {
    if (size > rest_.size()) {
        failed_ = true;
        return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
}

Sha256Hash EntryDecoder::hash() {
    Sha256Hash value{};
    std::ranges::copy(std::as_bytes(std::span(take(value.size()))), value.begin());
    return value;
}

} // namespace lamina
