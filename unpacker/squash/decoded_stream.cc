// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/decoded_stream.h"

#include <limits>
#include <span>

#include "unpacker/base/limits.h"
#include "unpacker/codec/decoder.h"

namespace lamina {
namespace {

// The chunk pool bounds what lies in the two queues.
constexpr uint64_t kUnbounded = std::numeric_limits<uint64_t>::max();

} // namespace

DecodedStream::DecodedStream(ByteSource& blob, Encoding encoding)
    : blob_(blob),
      chunks_(std::make_shared<ChunkPool>(limits::kChunkBytes, limits::kChunksPerUnpack)),
      to_hash_(kUnbounded), to_read_(kUnbounded), hasher_([this] { hash(); }),
      decoder_([this, encoding] { decode(encoding); }) {}

DecodedStream::~DecodedStream() {
    chunks_->abort();
    to_hash_.abort();
    to_read_.abort();
}

void DecodedStream::decode(Encoding encoding) {
    if (auto decoded = try_decode(encoding); !decoded) {
        error_.set(std::move(decoded).error());
    }
    to_hash_.finish();
    to_read_.finish();
}

Status DecodedStream::try_decode(Encoding encoding) {
    TRY_ASSIGN(const auto decoder, open_decoder(blob_, encoding));
    while (const auto chunk = chunks_->acquire()) {
        // Filled to the end, so that tar's blocks never straddle two chunks.
        const std::span room(chunk->data.get(), chunks_->chunk_bytes());
        TRY_ASSIGN(chunk->size, read_fully(*decoder, room));
        if (chunk->size == 0) {
            return {};
        }
        const Slice slice{chunk, room.first(chunk->size)};
        to_hash_.push(slice, 0);
        to_read_.push(slice, 0);
    }
    return fail(ErrorCode::canceled, "stopped");
}

void DecodedStream::hash() {
    Sha256 sha256;
    while (const auto slice = to_hash_.pop()) {
        sha256.update(slice->bytes);
    }
    digest_ = sha256.finish();
}

Result<Digest> DecodedStream::digest() {
    while (next()) {
    }
    decoder_.join();
    hasher_.join();
    TRY(error_.status());
    return *digest_;
}

} // namespace lamina
