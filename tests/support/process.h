// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lamina::test {

// Open descriptors of this process, by /proc/self/fd.
[[nodiscard]] size_t count_descriptors();

// Threads of this process, by /proc/self/task. A joined thread may be listed for a moment more.
[[nodiscard]] size_t count_threads();

// Waits up to a second for the number of threads to be `expected`; says whether it is.
[[nodiscard]] bool threads_become(size_t expected);

// Runs a program from PATH, without a shell, and waits for it. Its output is the test's. Returns
// its exit status, or -1 when it could not run or was killed.
[[nodiscard]] int run(const std::vector<std::string>& arguments);

[[nodiscard]] bool has_program(const std::string& name);

[[nodiscard]] bool is_root();

} // namespace lamina::test
