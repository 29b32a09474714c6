// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/decoder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "unpacker/base/limits.h"
#include "unpacker/base/processors.h"
#include "unpacker/codec/gzip_decoder.h"
#include "unpacker/codec/input_window.h"
#include "unpacker/codec/parallel_decoder.h"
#include "unpacker/codec/zstd_decoder.h"

namespace lamina {
namespace {

// A skippable frame is 4 bytes of magic and 4 of length (zstd_compression_format.md).
constexpr size_t kMagicBytes = 8;

constexpr std::array kGzipMagic{std::byte{0x1f}, std::byte{0x8b}, std::byte{0x08}};
constexpr std::array kZstdMagic{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}};
constexpr uint32_t kSkippableMagic = 0x184D2A50; // the low 4 bits are free

template <size_t N>
bool starts_with(std::span<const std::byte> bytes, const std::array<std::byte, N>& magic) {
    return bytes.size() >= N && std::equal(magic.begin(), magic.end(), bytes.begin());
}

bool is_zstd(std::span<const std::byte> bytes) {
    if (starts_with(bytes, kZstdMagic)) {
        return true;
    }
    if (bytes.size() < kMagicBytes) {
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

template <class Decoder>
std::unique_ptr<ByteSource> decode_rest(ByteSource& source, Bytes front) {
    return std::make_unique<Decoder>(InputWindow(source, std::move(front)));
}

// Several threads where there are processors for them and the stream's first frame or member tells
// where it ends; one thread otherwise.
template <class Decoder>
std::unique_ptr<ByteSource> decode_pieces(ByteSource& blob, Bytes front,
                                          std::unique_ptr<PieceFormat> format) {
    const unsigned threads = std::min(available_processors(), limits::kPieceThreadsMax);
    const auto first = format->first(front);
    if (threads == 1 || !first || first->compressed_bytes == front.size()) {
        return decode_rest<Decoder>(blob, std::move(front));
    }
    return std::make_unique<ParallelDecoder>(blob, std::move(front), std::move(format), threads,
                                             decode_rest<Decoder>);
}

} // namespace

Result<std::unique_ptr<ByteSource>> open_decoder(ByteSource& blob, Encoding encoding) {
    if (encoding == Encoding::plain) {
        return decode_rest<PlainSource>(blob, {});
    }
    // Enough to see a whole frame of the formats that have many.
    Bytes front(limits::kPieceBytesMax);
    TRY_ASSIGN(const size_t got, read_fully(blob, front));
    front.resize(got);
    if (starts_with(front, kGzipMagic)) {
        return decode_pieces<GzipDecoder>(blob, std::move(front), bgzf_pieces());
    }
    if (is_zstd(front)) {
        return decode_pieces<ZstdDecoder>(blob, std::move(front), zstd_pieces());
    }
    return decode_rest<PlainSource>(blob, std::move(front));
}

} // namespace lamina
