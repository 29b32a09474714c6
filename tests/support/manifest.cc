// SPDX-License-Identifier: Apache-2.0
#include "tests/support/manifest.h"

#include <fmt/format.h>

#include "tests/support/tree.h"
#include "unpacker/base/digest.h"

namespace lamina::test {
namespace {

using Type = Entry::Type;

const char* name_of(Type type) {
    switch (type) {
    case Type::file:
        return "file";
    case Type::hard_link:
        return "hard_link";
    case Type::symlink:
        return "symlink";
    case Type::char_device:
        return "char";
    case Type::block_device:
        return "block";
    case Type::dir:
        return "dir";
    case Type::fifo:
        return "fifo";
    }
    return "?";
}

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = byte > ' ' && byte < 0x7f && c != '\\';
        out += is_plain ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    }
    return out;
}

std::string hex(const std::string& bytes) {
    std::string out = "0x";
    for (char c : bytes) {
        out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string sha256(const std::string& content) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(content)));
    return std::string(hash.finish().hex());
}

std::string details(const Entry& entry, Type type) {
    switch (type) {
    case Type::file:
        return fmt::format(" size={} sha256={}", entry.content.size(), sha256(entry.content));
    case Type::symlink:
        return " target=" + escaped(entry.link);
    case Type::hard_link:
        return " link=" + escaped(entry.link);
    case Type::char_device:
    case Type::block_device:
        return fmt::format(" device={}:{}", entry.device_major, entry.device_minor);
    default:
        return {};
    }
}

bool shows_time(Type type, ManifestTimes times) {
    return times == ManifestTimes::all ||
           (times == ManifestTimes::without_directories && type != Type::dir);
}

std::string line_of(const Entry& entry, ManifestTimes times) {
    const auto type = static_cast<Type>(entry.type);
    std::string line = fmt::format("{} {} {:04o} {}:{}", escaped(entry.name), name_of(type),
                                   entry.permission_bits, entry.uid, entry.gid);
    line += details(entry, type);
    if (shows_time(type, times)) {
        line += fmt::format(" mtime={}.{:09}", entry.mtime_seconds, entry.mtime_nanoseconds);
    }
    for (const auto& [key, value] : entry.xattrs) {
        line += fmt::format(" {}={}", key, hex(value));
    }
    return line + "\n";
}

} // namespace

std::string manifest(const std::string& root, ManifestTimes times) {
    std::string out = line_of(read_entry(root, "."), ManifestTimes::none);
    walk_tree(root, [&](const Entry& entry) { out += line_of(entry, times); });
    return out;
}

} // namespace lamina::test
