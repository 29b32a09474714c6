// SPDX-License-Identifier: Apache-2.0
#include <libdeflate.h>

#include "unpacker/base/check.h"
#include "unpacker/codec/piece_encoder.h"

namespace lamina {
namespace {

// As small as zlib's level 6, what Docker and BuildKit write, and faster: README.md, "Compressing".
constexpr int kLevel = 5;

struct FreeCompressor {
    void operator()(libdeflate_compressor* compressor) const {
        libdeflate_free_compressor(compressor);
    }
};

class GzipMembers final : public PieceEncoder {
  public:
    // The header has no name and no time: libdeflate writes neither.
    [[nodiscard]] Result<Bytes> encode(std::span<const std::byte> plain) const override {
        const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
            libdeflate_alloc_compressor(kLevel));
        CHECK(compressor != nullptr);
        Bytes out(libdeflate_gzip_compress_bound(compressor.get(), plain.size()));
        const size_t size = libdeflate_gzip_compress(compressor.get(), plain.data(), plain.size(),
                                                     out.data(), out.size());
        CHECK(size != 0); // cannot happen within the bound
        out.resize(size);
        return out;
    }
};

} // namespace

std::unique_ptr<PieceEncoder> gzip_members() {
    return std::make_unique<GzipMembers>();
}

} // namespace lamina
