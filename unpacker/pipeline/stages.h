// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/byte_source.h"
#include "unpacker/base/chunk.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/first_error.h"
#include "unpacker/codec/media_type.h"
#include "unpacker/layer/layer_writer.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

// The stages of one unpack and the queues between them:
//
//   read_blob -> [compressed] -> decode -+-> [to_hash]  -> hash
//                                        +-> [to_parse] -> write_entries -> writers
//
// Each stage is a function for a thread of its own. A stage that fails calls fail_with(), which
// wakes all the others: every wait is on one of the queues, on the chunk pool, or on the blob,
// which is cancelled.
class Stages {
  public:
    Stages();

    void read_blob(ByteSource& blob);
    void decode(Encoding encoding);
    void hash();
    void write_entries(LayerWriter::Target target, const WriterOptions& options);

    // Keeps the first error and ends all stages. From any thread.
    void fail_with(Error error);

    // After all stages have ended: what they found out, or the first error. `times.total_seconds`
    // is the caller's.
    Result<UnpackReport> report();

  private:
    using Bytes = std::vector<std::byte>;
    class CompressedSource;

    Status try_read_blob(ByteSource& blob);
    Status try_decode(Encoding encoding);
    Status try_write_entries(LayerWriter::Target target, WriterPool& pool);
    std::optional<Slice> next_slice(WriterPool& pool);
    void abort_queues();

    FirstError error_;
    BoundedQueue<Bytes> compressed_;
    std::shared_ptr<ChunkPool> chunks_;
    BoundedQueue<Slice> to_hash_;
    BoundedQueue<Slice> to_parse_;
    // Set while read_blob() and write_entries() run, for fail_with().
    Synchronized<ByteSource*> blob_;
    Synchronized<WriterPool*> writers_;

    uint64_t blob_bytes_ = 0;
    uint64_t uncompressed_bytes_ = 0;
    uint64_t entries_ = 0;
    std::optional<Digest> diff_id_;
    LayerWriter::Summary written_;
    StageTimes times_;
};

} // namespace lamina
