// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/index_header.h"

#include <span>

#include "unpacker/base/digest.h"

namespace lamina {
namespace {

constexpr std::string_view kMagic = "lamina-i";

uint64_t little_endian(std::string_view bytes) {
    uint64_t value = 0;
    for (size_t i = bytes.size(); i > 0; --i) {
        value = (value << 8U) | static_cast<unsigned char>(bytes[i - 1]);
    }
    return value;
}

void put_little_endian(uint64_t value, size_t size, std::string& out) {
    for (size_t i = 0; i < size; ++i, value >>= 8U) {
        out.push_back(static_cast<char>(value & 0xffU));
    }
}

} // namespace

IndexHeader read_index_header(std::string_view bytes) {
    return {bytes.starts_with(kMagic), static_cast<uint32_t>(little_endian(bytes.substr(8, 4)))};
}

std::string make_index_header() {
    std::string bytes(kMagic);
    put_little_endian(kIndexVersion, 4, bytes);
    return bytes;
}

std::string index_digest(std::string_view bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    const Sha256Hash digest = hash.finish_hash();
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace lamina
