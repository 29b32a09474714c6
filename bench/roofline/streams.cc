// SPDX-License-Identifier: Apache-2.0
#include "bench/roofline/streams.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "unpacker/base/digest.h"

namespace lamina::bench {
namespace {

// Fits the second level cache of a processor, as a pipeline's buffers should.
constexpr size_t kPiece = 256 * 1024;

bool starts_with(std::span<const std::byte> blob, std::initializer_list<unsigned char> magic) {
    return blob.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), blob.begin(),
                      [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

// One member; the corpus has no others.
Result<uint64_t> inflate_away(std::span<std::byte> blob) {
    std::vector<uint8_t> out(kPiece);
    const auto state = std::make_unique<inflate_state>();
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_GZIP;
    state->next_in = reinterpret_cast<uint8_t*>(blob.data());
    state->avail_in = static_cast<uint32_t>(blob.size());
    uint64_t total = 0;
    while (state->block_state != ISAL_BLOCK_FINISH) {
        state->next_out = out.data();
        state->avail_out = kPiece;
        if (isal_inflate(state.get()) != ISAL_DECOMP_OK || state->avail_out == kPiece) {
            return fail(ErrorCode::data_loss, "gzip");
        }
        total += kPiece - state->avail_out;
    }
    return total;
}

Result<uint64_t> unzstd_away(std::span<const std::byte> blob) {
    std::vector<std::byte> out(kPiece);
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                       &ZSTD_freeDCtx);
    ZSTD_inBuffer input{blob.data(), blob.size(), 0};
    uint64_t total = 0;
    while (input.pos < input.size) {
        ZSTD_outBuffer output{out.data(), out.size(), 0};
        if (ZSTD_isError(ZSTD_decompressStream(context.get(), &output, &input)) != 0) {
            return fail(ErrorCode::data_loss, "zstd");
        }
        total += output.pos;
    }
    return total;
}

} // namespace

Result<uint64_t> decode_away(std::span<std::byte> blob) {
    if (starts_with(blob, {0x1f, 0x8b})) {
        return inflate_away(blob);
    }
    return starts_with(blob, {0x28, 0xb5, 0x2f, 0xfd}) ? unzstd_away(blob) : blob.size();
}

std::string hash_away(std::span<const std::byte> bytes) {
    Sha256 hash;
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
        hash.update(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    }
    return hash.finish().text();
}

} // namespace lamina::bench
