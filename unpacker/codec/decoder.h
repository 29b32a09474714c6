// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "unpacker/base/byte_source.h"
#include "unpacker/codec/encoder.h"
#include "unpacker/codec/media_type.h"

namespace lamina {

// How a stream is compressed that begins with `front`, of which kFrontBytes are enough. As in
// containerd (pkg/archive/compression): gzip by 1f 8b 08, zstd by its frame magic or by that of a
// skippable frame, everything else is plain.
[[nodiscard]] Compression sniff_compression(std::span<const std::byte> front);
inline constexpr size_t kFrontBytes = 8; // a skippable frame's magic and length

// The uncompressed stream of `blob`, which must outlive it. With Encoding::sniff its first bytes
// decide, as above.
//
// Both decoders check what their format lets them check and report data_loss for a stream that is
// corrupt or ends early. A gzip stream is any number of members back to back, and nothing else may
// follow them; a zstd stream is any number of frames, skippable ones included.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_decoder(ByteSource& blob, Encoding encoding);

} // namespace lamina
