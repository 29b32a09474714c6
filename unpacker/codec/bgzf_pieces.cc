// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "unpacker/codec/gzip_decoder.h"
#include "unpacker/codec/piece_reader.h"

namespace lamina {
namespace {

// RFC 1952: ten bytes, then with FEXTRA two bytes of length and the extra fields. BGZF writes them
// all alike: one field "BC" of two bytes, the member's size less one.
constexpr size_t kHeaderBytes = 18;
constexpr size_t kFlagsOffset = 3;
constexpr size_t kExtraLengthOffset = 10;
constexpr size_t kFieldOffset = 12;
constexpr size_t kMemberSizeOffset = 16;
constexpr std::byte kExtraFlagOnly{0x04};

// "BGZF blocks ... limited to 64 kilobytes" before and after compression.
constexpr size_t kDecodedBytesMax = 64 * 1024;

uint32_t little_endian_16(std::span<const std::byte> bytes, size_t offset) {
    return std::to_integer<uint32_t>(bytes[offset]) | std::to_integer<uint32_t>(bytes[offset + 1])
                                                          << 8U;
}

bool is_bgzf_header(std::span<const std::byte> bytes) {
    return bytes.size() >= kHeaderBytes && bytes[0] == std::byte{0x1f} &&
           bytes[1] == std::byte{0x8b} && bytes[2] == std::byte{0x08} &&
           bytes[kFlagsOffset] == kExtraFlagOnly &&
           little_endian_16(bytes, kExtraLengthOffset) == 6 &&
           std::memcmp(bytes.data() + kFieldOffset, "BC\2\0", 4) == 0;
}

class MemorySource final : public ByteSource {
  public:
    explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        const size_t count = std::min(buffer.size(), bytes_.size());
        std::copy_n(bytes_.begin(), count, buffer.begin());
        bytes_ = bytes_.subspan(count);
        return count;
    }

  private:
    std::span<const std::byte> bytes_;
};

class BgzfPieces final : public PieceFormat {
  public:
    [[nodiscard]] std::optional<Extent> first(std::span<const std::byte> bytes) const override {
        if (!is_bgzf_header(bytes)) {
            return std::nullopt;
        }
        const size_t size = little_endian_16(bytes, kMemberSizeOffset) + 1;
        return size <= bytes.size() ? std::optional(Extent{size, kDecodedBytesMax}) : std::nullopt;
    }

    // The sizes that the headers told are only believed after the members were read in full.
    [[nodiscard]] Result<Bytes> decode(const Piece& piece) const override {
        MemorySource source(piece.compressed);
        GzipDecoder decoder{InputWindow(source)};
        Bytes decoded(piece.decoded_bytes_max + 1);
        TRY_ASSIGN(const size_t size, read_fully(decoder, decoded));
        if (size > piece.decoded_bytes_max) {
            return fail(ErrorCode::data_loss, "gzip: BGZF member over 64 KiB");
        }
        decoded.resize(size);
        return decoded;
    }
};

} // namespace

std::unique_ptr<PieceFormat> bgzf_pieces() {
    return std::make_unique<BgzfPieces>();
}

} // namespace lamina
