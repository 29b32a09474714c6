// SPDX-License-Identifier: Apache-2.0
#include "unpacker/pipeline/stages.h"

#include <cstring>
#include <limits>
#include <utility>

#include "unpacker/base/limits.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/layer/leaf_maker.h"
#include "unpacker/tar/reader.h"

namespace lamina {
namespace {

// The chunk pool bounds what lies in the two queues of decoded bytes.
constexpr uint64_t kUnbounded = std::numeric_limits<uint64_t>::max();

// For a stage of one thread that began with `watch`.
StageTime stage_time(const Stopwatch& watch, double awaiting_input, double awaiting_output) {
    return {watch.seconds() - awaiting_input - awaiting_output, awaiting_input, awaiting_output};
}

tl::unexpected<Error> stopped() {
    return fail(ErrorCode::canceled, "unpack stopped");
}

} // namespace

// What the read-ahead has put into the queue, as a stream.
class Stages::CompressedSource final : public ByteSource {
  public:
    explicit CompressedSource(BoundedQueue<Bytes>& queue) : queue_(queue) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        if (used_ == current_.size()) {
            auto next = queue_.pop();
            if (!next) {
                return 0;
            }
            current_ = *std::move(next);
            used_ = 0;
        }
        const size_t count = std::min(buffer.size(), current_.size() - used_);
        std::memcpy(buffer.data(), current_.data() + used_, count);
        used_ += count;
        return count;
    }

  private:
    BoundedQueue<Bytes>& queue_;
    Bytes current_;
    size_t used_ = 0;
};

Stages::Stages()
    : compressed_(limits::kReadAheadBytes),
      chunks_(std::make_shared<ChunkPool>(limits::kChunkBytes, limits::kChunksPerUnpack)),
      to_hash_(kUnbounded), to_parse_(kUnbounded) {}

void Stages::fail_with(Error error) {
    error_.set(std::move(error));
    abort_queues();
}

void Stages::abort_queues() {
    compressed_.abort();
    chunks_->abort();
    to_hash_.abort();
    to_parse_.abort();
    if (auto blob = blob_.lock(); *blob != nullptr) {
        (*blob)->cancel();
    }
    if (auto writers = writers_.lock(); *writers != nullptr) {
        (*writers)->abort();
    }
}

void Stages::read_blob(ByteSource& blob) {
    const Stopwatch watch;
    *blob_.lock() = &blob;
    auto read = try_read_blob(blob);
    *blob_.lock() = nullptr;
    if (!read) {
        fail_with(read.error());
    }
    compressed_.finish();
    times_.read = stage_time(watch, 0, compressed_.push_waited_seconds());
}

Status Stages::try_read_blob(ByteSource& blob) {
    while (true) {
        Bytes bytes(limits::kBlobReadBytes);
        TRY_ASSIGN(const size_t got, blob.read(bytes));
        if (got == 0) {
            return {};
        }
        blob_bytes_ += got;
        bytes.resize(got);
        if (!compressed_.push(std::move(bytes), got)) {
            return stopped();
        }
    }
}

void Stages::decode(Encoding encoding) {
    const Stopwatch watch;
    if (auto decoded = try_decode(encoding); !decoded) {
        fail_with(decoded.error());
    }
    to_hash_.finish();
    to_parse_.finish();
    times_.decode = stage_time(watch, compressed_.pop_waited_seconds(), chunks_->waited_seconds());
}

Status Stages::try_decode(Encoding encoding) {
    CompressedSource source(compressed_);
    TRY_ASSIGN(const auto decoder, open_decoder(source, encoding));
    while (true) {
        const auto chunk = chunks_->acquire();
        if (chunk == nullptr) {
            return stopped();
        }
        // Filled to the end, so that tar's blocks never straddle two chunks.
        const std::span room(chunk->data.get(), chunks_->chunk_bytes());
        TRY_ASSIGN(chunk->size, read_fully(*decoder, room));
        if (chunk->size == 0) {
            return {};
        }
        uncompressed_bytes_ += chunk->size;
        const Slice slice{chunk, room.first(chunk->size)};
        to_hash_.push(slice, 0);
        to_parse_.push(slice, 0);
    }
}

void Stages::hash() {
    const Stopwatch watch;
    Sha256 sha256;
    while (const auto slice = to_hash_.pop()) {
        sha256.update(slice->bytes);
    }
    diff_id_ = sha256.finish();
    times_.hash = stage_time(watch, to_hash_.pop_waited_seconds(), 0);
}

void Stages::write_entries(LayerWriter::Target target, const WriterOptions& options) {
    const Stopwatch watch;
    WriterPool pool(options, [this](Error error) { fail_with(std::move(error)); });
    *writers_.lock() = &pool;
    auto written = use_private_umask();
    if (written) {
        written = try_write_entries(std::move(target), pool);
    }
    *writers_.lock() = nullptr;
    if (!written) {
        fail_with(written.error());
    }
    times_.parse = stage_time(watch, to_parse_.pop_waited_seconds(), pool.waited_seconds());
}

Status Stages::try_write_entries(LayerWriter::Target target, WriterPool& pool) {
    LayerWriter layer(std::move(target), pool);
    TarReader reader([&] { return next_slice(pool); });
    while (true) {
        TRY_ASSIGN(auto entry, reader.next_entry());
        if (!entry) {
            break;
        }
        ++entries_;
        const bool has_content = entry->size_bytes > 0;
        TRY(layer.add_entry(*std::move(entry)));
        while (has_content) {
            TRY_ASSIGN(auto block, reader.next_block());
            if (!block) {
                break;
            }
            TRY(layer.add_content(*std::move(block)));
        }
        layer.end_entry();
    }
    // What follows the archive's end counts for the digest only; decode() ends when all is read.
    while (next_slice(pool)) {
    }
    TRY(error_.status());
    TRY_ASSIGN(written_, layer.finish());
    return {};
}

std::optional<Slice> Stages::next_slice(WriterPool& pool) {
    if (auto slice = to_parse_.try_pop()) {
        return slice;
    }
    pool.flush();
    return to_parse_.pop();
}

Result<UnpackReport> Stages::report() {
    TRY(error_.status());
    times_.write = written_.write_time;
    return UnpackReport{.diff_id = *diff_id_,
                        .uncompressed_bytes = uncompressed_bytes_,
                        .blob_bytes = blob_bytes_,
                        .entries = entries_,
                        .whiteouts = written_.whiteouts,
                        .usage = written_.usage,
                        .rebase = written_.rebase,
                        .rebased = written_.rebased,
                        .times = times_,
                        .is_indexed = written_.is_indexed};
}

} // namespace lamina
