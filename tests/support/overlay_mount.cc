// SPDX-License-Identifier: Apache-2.0
#include "tests/support/overlay_mount.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mount.h>

namespace lamina::test {
namespace {

// The kernel refuses a read-only overlay of one directory.
std::vector<std::string> at_least_two(std::vector<std::string> lowerdirs, const std::string& at) {
    if (lowerdirs.size() == 1) {
        lowerdirs.push_back(at + ".empty");
        std::filesystem::create_directory(lowerdirs.back());
    }
    return lowerdirs;
}

} // namespace

OverlayMount::OverlayMount(const std::vector<std::string>& lowerdirs, std::string at)
    : at_(std::move(at)) {
    mount_with(fmt::format("lowerdir={}", fmt::join(at_least_two(lowerdirs, at_), ":")));
}

OverlayMount::OverlayMount(const std::vector<std::string>& lowerdirs, const std::string& upper,
                           const std::string& work, std::string at)
    : at_(std::move(at)) {
    mount_with(
        fmt::format("lowerdir={},upperdir={},workdir={}", fmt::join(lowerdirs, ":"), upper, work));
}

OverlayMount::~OverlayMount() {
    if (mounted()) {
        umount2(at_.c_str(), MNT_DETACH);
    }
}

void OverlayMount::mount_with(const std::string& options) {
    std::filesystem::create_directory(at_);
    if (mount("overlay", at_.c_str(), "overlay", 0, options.c_str()) != 0) {
        error_ = fmt::format("mount overlay {}: {}", options, std::strerror(errno));
    }
}

} // namespace lamina::test
