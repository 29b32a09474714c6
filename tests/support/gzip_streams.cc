// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gzip_streams.h"

#include <algorithm>

#include "tests/support/encoders.h"

namespace lamina::test {
namespace {

// Looks like the start of a member as Go writes it, and is none.
const std::string kBareHeader("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);

std::string gzip_files(std::mt19937& random, size_t size) {
    std::string out;
    while (out.size() < size) {
        out += gzip(half_random_bytes(random, random() % 2000)) + kBareHeader;
    }
    return out;
}

size_t mostly_small(std::mt19937& random, size_t max) {
    const size_t bound = max >> (random() % 8);
    return bound == 0 ? 0 : random() % (bound + 1);
}

} // namespace

void GzipStream::add(const std::string& member, const std::string& decoded) {
    if (borders.empty()) {
        borders.push_back(0);
    }
    blob += member;
    bytes += decoded;
    borders.push_back(blob.size());
}

std::string half_random_bytes(std::mt19937& random, size_t size) {
    std::string out;
    out.reserve(size + 20);
    while (out.size() < size) {
        out += random() % 2 == 0 ? "layer of an image " : std::to_string(random());
    }
    out.resize(size);
    return out;
}

GzipStream random_members(std::mt19937& random, size_t members, size_t bytes_max) {
    GzipStream stream;
    for (size_t i = 0; i < members; ++i) {
        const size_t size = mostly_small(random, bytes_max);
        const unsigned kind = random() % 8;
        if (kind == 0) {
            const std::string bytes = gzip_files(random, size);
            stream.add(gzip(bytes, 0), bytes);
        } else if (kind == 1) {
            const std::string bytes(size, '\0');
            stream.add(gzip(bytes), bytes);
        } else if (kind == 2) {
            const std::string bytes = half_random_bytes(random, size);
            stream.add(gzip_with_header_fields(bytes), bytes);
        } else {
            const std::string bytes = half_random_bytes(random, size);
            stream.add(gzip(bytes, static_cast<int>(random() % 10)), bytes);
        }
    }
    return stream;
}

GzipStream member_per_file(size_t total_bytes, size_t file_bytes_max) {
    std::mt19937 random(1);
    GzipStream stream;
    while (stream.bytes.size() < total_bytes) {
        const std::string bytes =
            half_random_bytes(random, 1 + mostly_small(random, file_bytes_max - 1));
        stream.add(gzip(bytes), bytes);
    }
    return stream;
}

} // namespace lamina::test
