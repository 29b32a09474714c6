// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/decoder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "unpacker/base/limits.h"
#include "unpacker/base/processors.h"
#include "unpacker/codec/input_window.h"
#include "unpacker/codec/parallel_decoder.h"

namespace lamina {
namespace {

constexpr std::array kGzipMagic{std::byte{0x1f}, std::byte{0x8b}, std::byte{0x08}};
constexpr std::array kZstdMagic{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}};
// zstd_compression_format.md: 4 bytes, and 4 of length; the low 4 bits are free.
constexpr uint32_t kSkippableMagic = 0x184D2A50;

template <size_t N>
bool starts_with(std::span<const std::byte> bytes, const std::array<std::byte, N>& magic) {
    return bytes.size() >= N && std::equal(magic.begin(), magic.end(), bytes.begin());
}

bool is_zstd(std::span<const std::byte> bytes) {
    if (starts_with(bytes, kZstdMagic)) {
        return true;
    }
    if (bytes.size() < kFrontBytes) {
        return false;
    }
    uint32_t magic = 0;
    for (size_t i = 0; i < sizeof magic; ++i) {
        magic |= std::to_integer<uint32_t>(bytes[i]) << (8 * i); // little-endian by the format
    }
    return (magic & 0xFFFFFFF0U) == kSkippableMagic;
}

class PlainSource final : public ByteSource {
  public:
    explicit PlainSource(InputWindow input) : input_(std::move(input)) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        TRY(input_.fill());
        const auto window = input_.bytes();
        const size_t count = std::min(window.size(), buffer.size());
        std::memcpy(buffer.data(), window.data(), count);
        input_.take(count);
        return count;
    }

  private:
    InputWindow input_;
};

// Several threads where there are processors for them.
std::unique_ptr<ByteSource> decode(InputWindow input, std::unique_ptr<PieceFormat> format) {
    const unsigned threads = std::min(available_processors(), limits::kPieceThreadsMax);
    return std::make_unique<ParallelDecoder>(std::move(input), std::move(format), threads);
}

} // namespace

Compression sniff_compression(std::span<const std::byte> front) {
    if (starts_with(front, kGzipMagic)) {
        return Compression::gzip;
    }
    return is_zstd(front) ? Compression::zstd : Compression::none;
}

Result<std::unique_ptr<ByteSource>> open_decoder(ByteSource& blob, Encoding encoding) {
    InputWindow input(blob);
    if (encoding == Encoding::sniff) {
        input.grow();
        const Compression found = sniff_compression(input.bytes());
        if (found != Compression::none) {
            return decode(std::move(input),
                          found == Compression::gzip ? gzip_pieces() : zstd_pieces());
        }
    }
    return std::make_unique<PlainSource>(std::move(input));
}

} // namespace lamina
