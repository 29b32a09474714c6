// SPDX-License-Identifier: Apache-2.0
// ZSTD_decompressBound() and ZSTD_isFrame() are part of the library's interface for static linking,
// which Debian's shared library exports as well.
#define ZSTD_STATIC_LINKING_ONLY
#include <memory>

#include <fmt/format.h>
#include <zstd.h>

#include "unpacker/codec/piece_reader.h"

namespace lamina {
namespace {

class ZstdPieces final : public PieceFormat {
  public:
    [[nodiscard]] std::optional<Extent> first(std::span<const std::byte> bytes) const override {
        const size_t size = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
        if (ZSTD_isError(size)) {
            return std::nullopt;
        }
        const auto bound = ZSTD_decompressBound(bytes.data(), size);
        if (bound == ZSTD_CONTENTSIZE_ERROR) {
            return std::nullopt;
        }
        return Extent{size, static_cast<size_t>(bound)};
    }

    [[nodiscard]] Result<Bytes> decode(const Piece& piece) const override {
        Bytes decoded(piece.decoded_bytes_max);
        const size_t size = ZSTD_decompress(decoded.data(), decoded.size(), piece.compressed.data(),
                                            piece.compressed.size());
        if (ZSTD_isError(size)) {
            return fail(ErrorCode::data_loss, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
        }
        decoded.resize(size);
        return decoded;
    }
};

} // namespace

std::unique_ptr<PieceFormat> zstd_pieces() {
    return std::make_unique<ZstdPieces>();
}

} // namespace lamina
