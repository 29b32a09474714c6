// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "unpacker/base/byte_sink.h"

namespace lamina {

enum class Compression { none, gzip, zstd };

[[nodiscard]] std::string_view name_of(Compression compression);
[[nodiscard]] Result<Compression> parse_compression(std::string_view text);

// A sink that compresses to `out` (borrowed, and not finished by it): gzip by libdeflate, zstd
// by libzstd. The stream is made of members or frames of limits::kEncodedPieceBytes each, which are
// compressed on `threads` threads (at least 1) and can be decompressed on as many. Every reader
// takes them for one stream (RFC 1952, 2.2; RFC 8878, 3.1).
//
// What comes out depends on what goes in, and on nothing else: not on the threads, nor on the sizes
// of the writes. (Another version of the libraries may compress otherwise.)
[[nodiscard]] std::unique_ptr<ByteSink> make_encoder(ByteSink& out, Compression compression,
                                                     unsigned threads);

} // namespace lamina
