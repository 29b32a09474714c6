// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/chunk.h"

#include <cstring>
#include <utility>

#include "unpacker/base/stopwatch.h"

namespace lamina {

std::shared_ptr<Chunk> ChunkPool::acquire() {
    std::unique_lock lock(mutex_);
    const Stopwatch watch;
    freed_.wait(lock, [&] { return aborted_ || in_use_ < chunks_max_; });
    waited_seconds_ += watch.seconds();
    if (aborted_) {
        return nullptr;
    }
    ++in_use_;
    auto chunk = std::make_unique<Chunk>();
    if (free_.empty()) {
        chunk->data = std::make_unique_for_overwrite<std::byte[]>(chunk_bytes_);
    } else {
        chunk->data = std::move(free_.back());
        free_.pop_back();
    }
    return {chunk.release(), [pool = shared_from_this()](Chunk* used) {
                pool->put_back(std::move(used->data));
                delete used;
            }};
}

void ChunkPool::put_back(std::unique_ptr<std::byte[]> data) {
    {
        std::lock_guard lock(mutex_);
        --in_use_;
        free_.push_back(std::move(data));
    }
    freed_.notify_one();
}

void ChunkPool::abort() {
    {
        std::lock_guard lock(mutex_);
        aborted_ = true;
    }
    freed_.notify_all();
}

Slice copy_to_slice(std::span<const std::byte> bytes) {
    auto chunk = std::make_shared<Chunk>();
    chunk->data = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
    chunk->size = bytes.size();
    std::memcpy(chunk->data.get(), bytes.data(), bytes.size());
    const std::span<const std::byte> copy(chunk->data.get(), chunk->size);
    return {std::move(chunk), copy};
}

} // namespace lamina
