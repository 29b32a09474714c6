// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "unpacker/base/limits.h"
#include "unpacker/codec/frame_decoder.h"

namespace lamina {

// A part of a compressed stream that can be decoded without the rest: one or more whole frames of
// zstd or members of gzip, as far as can be told before it is decoded.
struct Piece {
    Bytes compressed;
    size_t decoded_bytes_max = 0; // a piece that decodes to more is none
};

// Finds out where pieces end, without decoding. One per format.
class PieceFormat {
  public:
    virtual ~PieceFormat() = default;

    struct Extent {
        size_t compressed_bytes = 0;
        uint64_t decoded_bytes_max = 0;
    };
    // Of the frame or member that `bytes` begin with; nothing when its end is not told by what is
    // there, or not told at all. It may be wrong, which decoding it shows.
    [[nodiscard]] virtual std::optional<Extent> first(std::span<const std::byte> bytes) const = 0;

    // Decodes a whole piece. It fails unless the piece ends where a frame or member ends, and all
    // that a decoder can check is right. Any number of threads at once.
    [[nodiscard]] virtual Result<Bytes> decode(Piece& piece) const = 0;

    [[nodiscard]] virtual std::unique_ptr<FrameDecoder> open() const = 0;
};

// zstd: frames whose sizes can be read from their block headers (zstd:chunked, pzstd, seekable).
[[nodiscard]] std::unique_ptr<PieceFormat> zstd_pieces();

// gzip: members (eStargz, BGZF), found by the header of the next one.
[[nodiscard]] std::unique_ptr<PieceFormat> gzip_pieces();

struct PieceBounds {
    size_t bytes = limits::kPieceBytes;
    size_t bytes_max = limits::kPieceBytesMax;
    size_t decoded_bytes_max = limits::kPieceDecodedBytesMax;
};

// Cuts a stream into pieces of about PieceBounds::bytes. One thread at a time.
class PieceReader {
  public:
    PieceReader(const PieceFormat& format, const PieceBounds& bounds)
        : format_(format), bounds_(bounds) {}

    // Takes a piece from the front of `input`. Nothing at the end of the stream, or where the next
    // frame is too large for a piece or does not tell its end; bytes in which no end was found are
    // not looked at again.
    [[nodiscard]] std::optional<Piece> next(InputWindow& input);

  private:
    const PieceFormat& format_;
    const PieceBounds bounds_;
    uint64_t look_again_at_ = 0; // of InputWindow::taken()
};

} // namespace lamina
