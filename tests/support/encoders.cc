// SPDX-License-Identifier: Apache-2.0
#include "tests/support/encoders.h"

#include <algorithm>

#include <zlib.h>
#include <zstd.h>

#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

constexpr int kGzipWindowBits = 15 + 16; // deflateInit2(): plus 16 writes a gzip wrapper

std::string deflate_all(std::string_view bytes, int level, gz_header* header) {
    z_stream stream{};
    CHECK(deflateInit2(&stream, level, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    if (header != nullptr) {
        CHECK(deflateSetHeader(&stream, header) == Z_OK);
    }
    std::string out(deflateBound(&stream, bytes.size()) + 1024, '\0');
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    CHECK(deflateEnd(&stream) == Z_OK);
    return out;
}

} // namespace

std::string gzip(std::string_view bytes, int level) {
    return deflate_all(bytes, level, nullptr);
}

std::string gzip_with_header_fields(std::string_view bytes) {
    std::string name = "layer.tar";
    std::string comment = "a comment";
    std::string extra("AB\x02\x00xy", 6);
    gz_header header{};
    header.name = reinterpret_cast<Bytef*>(name.data());
    header.comment = reinterpret_cast<Bytef*>(comment.data());
    header.extra = reinterpret_cast<Bytef*>(extra.data());
    header.extra_len = static_cast<uInt>(extra.size());
    header.hcrc = 1;
    return deflate_all(bytes, 6, &header);
}

std::string bgzf(std::string_view bytes, size_t member_bytes) {
    std::string out;
    bool is_last = false;
    while (!is_last) {
        is_last = bytes.empty();
        std::string extra("BC\x02\x00\x00\x00", 6);
        gz_header header{};
        header.extra = reinterpret_cast<Bytef*>(extra.data());
        header.extra_len = static_cast<uInt>(extra.size());
        std::string member = deflate_all(bytes.substr(0, member_bytes), 6, &header);
        const size_t size_less_one = member.size() - 1;
        member[16] = static_cast<char>(size_less_one & 0xff);
        member[17] = static_cast<char>(size_less_one >> 8);
        out += member;
        bytes.remove_prefix(std::min(member_bytes, bytes.size()));
    }
    return out;
}

std::string zstd(std::string_view bytes, int level) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) == 0);
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) == 0);
    std::string out(ZSTD_compressBound(bytes.size()), '\0');
    const size_t size = ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size());
    CHECK(ZSTD_isError(size) == 0);
    ZSTD_freeCCtx(context);
    out.resize(size);
    return out;
}

std::string zstd_skippable(std::string_view bytes) {
    std::string out("\x50\x2a\x4d\x18", 4);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out += static_cast<char>((bytes.size() >> shift) & 0xff);
    }
    return out + std::string(bytes);
}

std::string truncated(std::string bytes, size_t count) {
    CHECK(count <= bytes.size());
    bytes.resize(bytes.size() - count);
    return bytes;
}

std::string flipped(std::string bytes, long offset) {
    const long at = offset < 0 ? static_cast<long>(bytes.size()) + offset : offset;
    char& byte = bytes.at(static_cast<size_t>(at));
    byte = static_cast<char>(~byte);
    return bytes;
}

} // namespace lamina::test
