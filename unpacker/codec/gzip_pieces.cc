// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "unpacker/codec/gzip_decoder.h"
#include "unpacker/codec/pieces.h"

namespace lamina {
namespace {

using std::string_view_literals::operator""sv;

// RFC 1952: a member is a header of at least 10 bytes, deflate data of at least 2, and its CRC and
// decoded length, 4 bytes each. A .gz file that a member keeps in a stored block, its first 5
// bytes, therefore begins nearer to the member's own header than any other member can.
constexpr size_t kMemberBytesMin = 20;
constexpr size_t kHeaderBytes = 10;
constexpr size_t kLengthBytes = 4;

constexpr auto kMagic = "\x1f\x8b\x08"sv; // gzip, deflate
constexpr size_t kFlagsOffset = 3;
constexpr size_t kExtraFlagsOffset = 8;
constexpr size_t kSystemOffset = 9;

// What gzip, zlib, pigz, Go, ISA-L, libdeflate and 7-Zip write: no reserved flag; 2 for the best
// compression, 4 for the fastest, else 0; one of RFC 1952's systems, zlib's 19 for Darwin, or 255
// for unknown. Random bytes look like that once in 10^11.
bool is_header(std::string_view bytes) {
    if (bytes.size() < kHeaderBytes) {
        return false;
    }
    const auto at = [&](size_t offset) { return static_cast<unsigned char>(bytes[offset]); };
    const unsigned extra_flags = at(kExtraFlagsOffset);
    const unsigned system = at(kSystemOffset);
    return (at(kFlagsOffset) & 0xE0U) == 0 &&
           (extra_flags == 0 || extra_flags == 2 || extra_flags == 4) &&
           (system <= 13 || system == 19 || system == 255);
}

uint32_t little_endian_32(std::string_view bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < sizeof value; ++i) {
        value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
}

class GzipPieces final : public PieceFormat {
  public:
    // A member ends in its decoded length, and the next one's header follows. Both may be a chance
    // likeness, or a .gz file in a stored block.
    [[nodiscard]] std::optional<Extent> first(std::span<const std::byte> bytes) const override {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        size_t next = text.find(kMagic, kMemberBytesMin);
        while (next != std::string_view::npos && !is_header(text.substr(next))) {
            next = text.find(kMagic, next + 1);
        }
        if (next == std::string_view::npos) {
            return std::nullopt;
        }
        return Extent{next, little_endian_32(text.substr(next - kLengthBytes))};
    }

    [[nodiscard]] Result<Bytes> decode(Piece& piece) const override {
        InputWindow input(piece.compressed);
        GzipDecoder decoder;
        Bytes decoded(piece.decoded_bytes_max + 1); // room to see that it does not end
        size_t size = 0;
        size_t got = 0;
        do {
            TRY_ASSIGN(got, decoder.read(input, std::span(decoded).subspan(size)));
            size += got;
        } while (got > 0 && size < decoded.size());
        if (size > piece.decoded_bytes_max) {
            return fail(ErrorCode::data_loss, "gzip: members are longer than they say");
        }
        decoded.resize(size);
        return decoded;
    }

    [[nodiscard]] std::unique_ptr<FrameDecoder> open() const override {
        return std::make_unique<GzipDecoder>();
    }
};

} // namespace

std::unique_ptr<PieceFormat> gzip_pieces() {
    return std::make_unique<GzipPieces>();
}

} // namespace lamina
