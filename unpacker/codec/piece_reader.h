// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "unpacker/base/byte_source.h"

namespace lamina {

using Bytes = std::vector<std::byte>;

// A part of a compressed stream that can be decoded without the rest: one or more whole frames of
// zstd, or members of gzip.
struct Piece {
    Bytes compressed;
    size_t decoded_bytes_max = 0; // no less than it decodes to
};

// Finds out where pieces end, without decoding. One per format.
class PieceFormat {
  public:
    virtual ~PieceFormat() = default;

    struct Extent {
        size_t compressed_bytes = 0;
        size_t decoded_bytes_max = 0;
    };
    // Of the frame or member that `bytes` begin with; nothing when its end is not told by what is
    // there, or not told at all.
    [[nodiscard]] virtual std::optional<Extent> first(std::span<const std::byte> bytes) const = 0;

    // Decodes a whole piece. Any number of threads at once.
    [[nodiscard]] virtual Result<Bytes> decode(const Piece& piece) const = 0;
};

// zstd: frames whose sizes can be read from their block headers (zstd:chunked, pzstd, seekable).
[[nodiscard]] std::unique_ptr<PieceFormat> zstd_pieces();

// gzip: members that say their own size in an extra field "BC", as BGZF has it (SAM/BAM format
// specification, section 4.1).
[[nodiscard]] std::unique_ptr<PieceFormat> bgzf_pieces();

// Cuts a stream into pieces of about limits::kPieceBytes. One thread at a time.
class PieceReader {
  public:
    // `front` has been read from the source already.
    PieceReader(ByteSource& source, Bytes front, const PieceFormat& format);

    // Nothing at the end of the stream, or where the next frame is too large for a piece or does
    // not tell its end: then rest() is what has to be decoded from front to end.
    Result<std::optional<Piece>> next();

    // The bytes that were read from the source and not given out.
    [[nodiscard]] Bytes rest();

  private:
    Result<bool> read_more();

    ByteSource& source_;
    const PieceFormat& format_;
    Bytes buffer_;
    bool at_end_ = false;
};

} // namespace lamina
