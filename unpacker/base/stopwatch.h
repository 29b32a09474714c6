// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <ctime>

namespace lamina {

// Seconds since its construction.
class Stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Seconds of a processor that the thread has used since its construction. For one thread.
class ThreadStopwatch {
  public:
    [[nodiscard]] double seconds() const { return now() - start_; }

  private:
    static double now() {
        timespec time{};
        (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time); // always there: clock_gettime(2)
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    }

    double start_ = now();
};

} // namespace lamina
