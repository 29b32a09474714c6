// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/processors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "unpacker/base/fd.h"

namespace lamina {
namespace {

constexpr std::string_view kCgroupMount = "/sys/fs/cgroup";

// What a small file holds; empty when there is none.
std::string read_small_file(const std::string& path) {
    const auto file = open_file(path, O_RDONLY);
    std::array<char, 4096> buffer{};
    const ssize_t got = file ? ::read(file->get(), buffer.data(), buffer.size()) : 0;
    return {buffer.data(), got > 0 ? static_cast<size_t>(got) : 0};
}

// The line "0::/path" names the cgroup in the v2 hierarchy, cgroups(7).
std::string own_cgroup() {
    const std::string lines = read_small_file("/proc/self/cgroup");
    const size_t begin = lines.find("0::/");
    return begin == std::string::npos
               ? ""
               : lines.substr(begin + 3, lines.find('\n', begin) - begin - 3);
}

// The smallest limit on the way from the root to the process's cgroup.
std::optional<double> cgroup_quota() {
    std::optional<double> quota;
    std::string path = own_cgroup();
    while (path.size() > 1) {
        const auto limit =
            parse_cpu_max(read_small_file(std::string(kCgroupMount) + path + "/cpu.max"));
        if (limit) {
            quota = std::min(quota.value_or(*limit), *limit);
        }
        path.resize(path.rfind('/'));
    }
    return quota;
}

} // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
    const size_t blank = text.find(' ');
    if (blank == std::string_view::npos) {
        return std::nullopt;
    }
    double quota = 0;
    double period = 0;
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), text.data() + blank, quota);
    const auto second = std::from_chars(text.data() + blank + 1, end, period);
    if (first.ec != std::errc() || second.ec != std::errc() || period <= 0) {
        return std::nullopt; // "max", or not there
    }
    return quota / period;
}

unsigned available_processors() {
    cpu_set_t allowed;
    const bool is_known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    const double processors = is_known ? CPU_COUNT(&allowed) : 1;
    const double usable = std::min(processors, std::ceil(cgroup_quota().value_or(processors)));
    return std::max(1U, static_cast<unsigned>(usable));
}

} // namespace lamina
