// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lamina::test {

// One object of a tree literal: the same literal becomes an archive (tar_builder.h) or a tree on
// disk (tree.h), so that the two can be compared.
//
//   const Tree tree = {dir("etc"), file("etc/hosts", "::1 localhost").mode(0600).owner(1, 2)};
class Entry {
  public:
    // The letters are those of tar's type flag.
    enum class Type : char {
        file = '0',
        hard_link = '1',
        symlink = '2',
        char_device = '3',
        block_device = '4',
        dir = '5',
        fifo = '6',
    };

    Entry(Type kind, std::string path, unsigned permissions)
        : type(static_cast<char>(kind)), name(std::move(path)), permission_bits(permissions) {}

    Entry& mode(unsigned bits) { return set(permission_bits, bits); }
    Entry& owner(int64_t user, int64_t group) { return set(uid, user).set(gid, group); }
    Entry& mtime(int64_t seconds, uint32_t nanoseconds = 0) {
        return set(mtime_seconds, seconds).set(mtime_nanoseconds, nanoseconds);
    }
    Entry& xattr(const std::string& key, std::string value) {
        return set(xattrs[key], std::move(value));
    }
    Entry& device(int64_t major, int64_t minor) {
        return set(device_major, major).set(device_minor, minor);
    }

    // What only an archive can have, true or not.
    Entry& flag(char type_flag) { return set(type, type_flag); }
    Entry& claimed_size(int64_t size) { return set(size_claim, size); }
    Entry& pax(std::string key, std::string value) {
        pax_records.emplace_back(std::move(key), std::move(value));
        return *this;
    }
    // Long names by GNU's 'L' and 'K' headers and big numbers in base 256, instead of PAX.
    Entry& gnu() { return set(is_gnu, true); }
    // Overwrites bytes of the header block, before or after its checksum is made.
    Entry& raw(size_t offset, std::string bytes) {
        raw_fields.emplace_back(offset, std::move(bytes));
        return *this;
    }
    Entry& raw_after_checksum(size_t offset, std::string bytes) {
        late_raw_fields.emplace_back(offset, std::move(bytes));
        return *this;
    }

    char type;
    std::string name;
    std::string content;
    std::string link;
    unsigned permission_bits;
    int64_t uid = 0;
    int64_t gid = 0;
    int64_t mtime_seconds = 1'600'000'000;
    uint32_t mtime_nanoseconds = 0;
    int64_t device_major = 0;
    int64_t device_minor = 0;
    std::map<std::string, std::string> xattrs;
    std::optional<int64_t> size_claim;
    std::vector<std::pair<std::string, std::string>> pax_records;
    std::vector<std::pair<size_t, std::string>> raw_fields;
    std::vector<std::pair<size_t, std::string>> late_raw_fields;
    bool is_gnu = false;

  private:
    template <class T, class V>
    Entry& set(T& field, V&& value) {
        field = std::forward<V>(value);
        return *this;
    }
};

using Tree = std::vector<Entry>;

inline Entry dir(std::string name, unsigned mode = 0755) {
    return {Entry::Type::dir, std::move(name), mode};
}

inline Entry file(std::string name, std::string content = {}, unsigned mode = 0644) {
    Entry entry(Entry::Type::file, std::move(name), mode);
    entry.content = std::move(content);
    return entry;
}

inline Entry symlink(std::string target, std::string name) {
    Entry entry(Entry::Type::symlink, std::move(name), 0777);
    entry.link = std::move(target);
    return entry;
}

// Metadata of a hard link's entry goes to the shared inode.
inline Entry hard_link(std::string target, std::string name) {
    Entry entry(Entry::Type::hard_link, std::move(name), 0644);
    entry.link = std::move(target);
    return entry;
}

inline Entry fifo(std::string name, unsigned mode = 0644) {
    return {Entry::Type::fifo, std::move(name), mode};
}

inline Entry char_device(std::string name, int64_t major, int64_t minor, unsigned mode = 0600) {
    return Entry(Entry::Type::char_device, std::move(name), mode).device(major, minor);
}

inline Entry block_device(std::string name, int64_t major, int64_t minor, unsigned mode = 0600) {
    return Entry(Entry::Type::block_device, std::move(name), mode).device(major, minor);
}

// "dir/.wh.name": hides `name` of the layers below.
inline Entry whiteout(const std::string& path) {
    const size_t base = path.rfind('/') + 1;
    return file(path.substr(0, base) + ".wh." + path.substr(base), {}, 0);
}

// "dir/.wh..wh..opq": hides everything that the layers below have in `directory`.
inline Entry opaque(const std::string& directory) {
    return file(directory + (directory.empty() ? "" : "/") + ".wh..wh..opq", {}, 0);
}

} // namespace lamina::test
