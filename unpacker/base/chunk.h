// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace lamina {

// A buffer of decoded bytes that several stages read at the same time, and nobody writes any more.
struct Chunk {
    std::unique_ptr<std::byte[]> data;
    size_t size = 0;
};

// A part of a chunk, and a share in keeping it.
struct Slice {
    std::shared_ptr<const Chunk> chunk;
    std::span<const std::byte> bytes;
};

// Hands out a bounded number of buffers and gets each back when its last user lets go of it.
// Thread-safe. The pool outlives its chunks: owners of slices hold the pool through them.
class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
  public:
    ChunkPool(size_t chunk_bytes, size_t chunks_max)
        : chunk_bytes_(chunk_bytes), chunks_max_(chunks_max) {}

    [[nodiscard]] size_t chunk_bytes() const { return chunk_bytes_; }

    // Waits for a free buffer; null after abort().
    std::shared_ptr<Chunk> acquire();
    void abort();

    // How long acquire() has waited in sum.
    [[nodiscard]] double waited_seconds() const {
        std::lock_guard lock(mutex_);
        return waited_seconds_;
    }

  private:
    void put_back(std::unique_ptr<std::byte[]> data);

    const size_t chunk_bytes_;
    const size_t chunks_max_;
    mutable std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<std::byte[]>> free_;
    size_t in_use_ = 0;
    bool aborted_ = false;
    double waited_seconds_ = 0;
};

// A chunk of its own for bytes that lie in no pool's buffer.
[[nodiscard]] Slice copy_to_slice(std::span<const std::byte> bytes);

} // namespace lamina
