// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace lamina {

// What several threads have to do that find more to do on the way, as in a tree. The task pushed
// last comes first, so that few branches are begun at any time. Thread-safe.
template <class Task>
class TaskStack {
  public:
    // All of one branching at once: threads that go down while another one still adds to the level
    // above would leave begun branches behind.
    void push(std::vector<Task> tasks) {
        if (tasks.empty()) {
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            std::ranges::move(tasks, std::back_inserter(tasks_));
        }
        changed_.notify_all();
    }

    // Waits while others may still add some. Nothing at the end. Each task is followed by done().
    std::optional<Task> pop() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return is_closed_ || !tasks_.empty() || running_ == 0; });
        if (is_closed_ || tasks_.empty()) {
            return std::nullopt;
        }
        ++running_;
        Task task = std::move(tasks_.back());
        tasks_.pop_back();
        return task;
    }

    void done() {
        {
            const std::lock_guard lock(mutex_);
            --running_;
        }
        changed_.notify_all();
    }

    // Ends it with tasks left: pop() gives nothing any more.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            is_closed_ = true;
        }
        changed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Task> tasks_;
    size_t running_ = 0;
    bool is_closed_ = false;
};

} // namespace lamina
