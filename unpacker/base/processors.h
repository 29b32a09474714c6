// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lamina {

// How many processors this process can use at once, at least 1: those it may run on (taskset and
// cpusets make them fewer than the host has), or the CPU quota of its cgroup, rounded up, when that
// is less. More threads than that only wait for each other.
[[nodiscard]] unsigned available_processors();

// Processors' worth of CPU time that a cgroup v2 grants by the text of its cpu.max ("150000 100000"
// is 1.5, "max 100000" no limit). Source: Documentation/admin-guide/cgroup-v2.rst. Exposed for its
// test.
[[nodiscard]] std::optional<double> parse_cpu_max(std::string_view text);

} // namespace lamina
