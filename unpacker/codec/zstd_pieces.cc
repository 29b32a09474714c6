// SPDX-License-Identifier: Apache-2.0
// ZSTD_decompressBound() and ZSTD_getFrameHeader() are part of the library's interface for static
// linking, which Debian's shared library exports as well.
#define ZSTD_STATIC_LINKING_ONLY
#include <cstdint>
#include <memory>

#include <fmt/format.h>
#include <zstd.h>

#include "unpacker/codec/pieces.h"
#include "unpacker/codec/zstd_decoder.h"

namespace lamina {
namespace {

constexpr uint64_t kWindowBytesMax = uint64_t{1} << limits::kZstdWindowLogMax;

class ZstdPieces final : public PieceFormat {
  public:
    [[nodiscard]] std::optional<Extent> first(std::span<const std::byte> bytes) const override {
        const size_t size = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
        if (ZSTD_isError(size)) {
            return std::nullopt;
        }
        ZSTD_frameHeader header{};
        const auto bound = ZSTD_decompressBound(bytes.data(), size);
        // ZSTD_decompress() does not care how large a window is; ZstdDecoder has to refuse it.
        if (bound == ZSTD_CONTENTSIZE_ERROR ||
            ZSTD_getFrameHeader(&header, bytes.data(), size) != 0 ||
            header.windowSize > kWindowBytesMax) {
            return std::nullopt;
        }
        return Extent{size, bound};
    }

    [[nodiscard]] Result<Bytes> decode(Piece& piece) const override {
        Bytes decoded(piece.decoded_bytes_max);
        const size_t size = ZSTD_decompress(decoded.data(), decoded.size(), piece.compressed.data(),
                                            piece.compressed.size());
        if (ZSTD_isError(size)) {
            return fail(ErrorCode::data_loss, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
        }
        decoded.resize(size);
        return decoded;
    }

    [[nodiscard]] std::unique_ptr<FrameDecoder> open() const override {
        return std::make_unique<ZstdDecoder>();
    }
};

} // namespace

std::unique_ptr<PieceFormat> zstd_pieces() {
    return std::make_unique<ZstdPieces>();
}

} // namespace lamina
