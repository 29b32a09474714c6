// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zstd.h>

#include "unpacker/base/check.h"
#include "unpacker/codec/piece_encoder.h"

namespace lamina {
namespace {

// libzstd's own default, and BuildKit's.
constexpr int kLevel = 3;

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class ZstdFrames final : public PieceEncoder {
  public:
    [[nodiscard]] Result<Bytes> encode(std::span<const std::byte> plain) const override {
        const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
        CHECK(context != nullptr);
        ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
        ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
        Bytes out(ZSTD_compressBound(plain.size()));
        const size_t size =
            ZSTD_compress2(context.get(), out.data(), out.size(), plain.data(), plain.size());
        if (ZSTD_isError(size)) {
            return fail(ErrorCode::internal, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
        }
        out.resize(size);
        return out;
    }
};

} // namespace

std::unique_ptr<PieceEncoder> zstd_frames() {
    return std::make_unique<ZstdFrames>();
}

} // namespace lamina
