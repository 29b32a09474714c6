// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "snapshotter/core/layout.h"
#include "unpacker/base/bounded_queue.h"
#include "unpacker/base/synchronized.h"

namespace lamina {

struct TrashOptions {
    unsigned threads = 1; // each deletes one tree at a time
    bool when_idle = false;
};

// Deletes trees in the background: moves them into trash/ and removes them there. What is not yet
// gone when the process ends is deleted by the next one. Thread-safe.
class Trash {
  public:
    // `layout` must outlive it.
    Trash(const Layout& layout, const TrashOptions& options);
    // Stops soon, wherever the deletion is.
    ~Trash();

    // Moves `name` of `directory` (borrowed, same filesystem) away and returns. A name that is not
    // there is no error.
    Status take(int directory, const std::string& name);
    // Takes everything in `directory`.
    Status take_all(int directory);
    // Deletes whatever is in trash/: left by an earlier process, or because of an error.
    Status take_leftovers();
    // Trees that are not deleted yet, but for those that could not be.
    [[nodiscard]] size_t waiting();

  private:
    void enqueue(const std::string& name);
    void serve(const std::stop_token& stop);

    const Layout& layout_;
    const TrashOptions options_;
    Synchronized<std::set<std::string>> pending_;
    BoundedQueue<std::string> queue_;
    std::vector<std::jthread> threads_; // last: they use the rest
};

} // namespace lamina
