// SPDX-License-Identifier: Apache-2.0
#include "bench/roofline/tar_index.h"

#include <charconv>
#include <string_view>

namespace lamina::bench {
namespace {

constexpr size_t kBlock = 512;

// What PAX records say of the next entry.
struct Overrides {
    std::string path;
    std::string link;
    uint64_t size = UINT64_MAX;
};

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view field(std::string_view header, size_t offset, size_t length) {
    const std::string_view value = header.substr(offset, length);
    return value.substr(0, value.find('\0'));
}

uint64_t number(std::string_view text, int base) {
    const size_t begin = text.find_first_not_of(' ');
    uint64_t value = 0;
    if (begin != std::string_view::npos) {
        std::from_chars(text.data() + begin, text.data() + text.size(), value, base);
    }
    return value;
}

// Records are "<length> <key>=<value>\n" (pax(1)).
Overrides read_pax(std::string_view body) {
    Overrides overrides;
    while (!body.empty()) {
        const size_t length = number(body.substr(0, body.find(' ')), 10);
        if (length == 0 || length > body.size()) {
            break;
        }
        const std::string_view record = body.substr(0, length - 1);
        const std::string_view pair = record.substr(record.find(' ') + 1);
        const std::string_view key = pair.substr(0, pair.find('='));
        const std::string_view value = pair.substr(pair.find('=') + 1);
        if (key == "path") {
            overrides.path = value;
        } else if (key == "linkpath") {
            overrides.link = value;
        } else if (key == "size") {
            overrides.size = number(value, 10);
        }
        body.remove_prefix(length);
    }
    return overrides;
}

std::string full_name(std::string_view header) {
    const std::string prefix(field(header, 345, 155));
    const std::string name(field(header, 0, 100));
    return prefix.empty() ? name : prefix + "/" + name;
}

// Without "./" in front and slashes behind; the root is "".
std::string cleaned(std::string path) {
    while (path.ends_with('/')) {
        path.pop_back();
    }
    if (path == ".") {
        return "";
    }
    return path.starts_with("./") ? path.substr(2) : path;
}

TarItem to_item(std::string_view header, const Overrides& overrides) {
    TarItem item;
    item.type = header[156] == '\0' ? '0' : header[156];
    item.path = cleaned(overrides.path.empty() ? full_name(header) : overrides.path);
    item.link = overrides.link.empty() ? std::string(field(header, 157, 100)) : overrides.link;
    item.mode = static_cast<unsigned>(number(field(header, 100, 8), 8));
    return item;
}

} // namespace

Result<std::vector<TarItem>> index_tar(std::span<const std::byte> tar) {
    std::vector<TarItem> items;
    Overrides overrides;
    for (size_t at = 0; at + kBlock <= tar.size() && tar[at] != std::byte{0};) {
        const std::string_view header = text_of(tar.subspan(at, kBlock));
        TarItem item = to_item(header, overrides);
        const uint64_t stated = number(field(header, 124, 12), 8);
        const uint64_t size = overrides.size == UINT64_MAX ? stated : overrides.size;
        at += kBlock;
        if (size > tar.size() - at) {
            return fail(ErrorCode::data_loss, "the archive ends within " + item.path);
        }
        item.content = tar.subspan(at, size);
        at += (size + kBlock - 1) / kBlock * kBlock;
        if (item.type == 'x') {
            overrides = read_pax(text_of(item.content));
        } else if (std::string_view("01256").find(item.type) != std::string_view::npos) {
            overrides = {};
            items.push_back(std::move(item));
        } else {
            return fail(ErrorCode::unimplemented, "entry of another type: " + item.path);
        }
    }
    return items;
}

} // namespace lamina::bench
