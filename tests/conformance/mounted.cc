// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/mounted.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "unpacker/base/fd.h"

namespace lamina::test {
namespace {

constexpr std::string_view kLowerdir = "lowerdir=";
// mount(2) copies one page of options; containerd begins to shorten them 512 bytes earlier.
constexpr size_t kLongOptions = 4096 - 512;

Status mount_bind(const Mount& mount, const std::string& at) {
    if (::mount(mount.source.c_str(), at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
        return fail(errno_error("bind mount", mount.source));
    }
    const bool read_only = std::count(mount.options.begin(), mount.options.end(), "ro") > 0;
    constexpr unsigned long kReadOnly = MS_REMOUNT | MS_BIND | MS_RDONLY;
    if (read_only && ::mount(nullptr, at.c_str(), nullptr, kReadOnly, nullptr) != 0) {
        return fail(errno_error("remount read-only", at));
    }
    return {};
}

// The longest common directory of all lower directories, with a '/' at its end.
std::string common_directory(const std::string& lowerdirs) {
    std::string common = lowerdirs.substr(0, lowerdirs.find(':'));
    for (size_t begin = 0; begin < lowerdirs.size();) {
        const size_t end = std::min(lowerdirs.find(':', begin), lowerdirs.size());
        const auto one = std::string_view(lowerdirs).substr(begin, end - begin);
        const auto differ = std::mismatch(common.begin(), common.end(), one.begin(), one.end());
        common.erase(differ.first, common.end());
        begin = end + 1;
    }
    return common.substr(0, common.rfind('/') + 1);
}

// Makes the lower directories relative and goes to where they then lead.
Status shorten(std::string& lowerdir_option) {
    const std::string lowerdirs = lowerdir_option.substr(kLowerdir.size());
    const std::string common = common_directory(lowerdirs);
    if (::chdir(common.c_str()) != 0) {
        return fail(errno_error("chdir", common));
    }
    std::string text = ":" + lowerdirs;
    const std::string needle = ":" + common;
    for (size_t at = text.find(needle); at != std::string::npos; at = text.find(needle, at + 1)) {
        text.replace(at, needle.size(), ":");
    }
    lowerdir_option = std::string(kLowerdir) + text.substr(1);
    return {};
}

Status mount_overlay(const Mount& mount, const std::string& at) {
    auto options = mount.options;
    const auto is_lowerdir = [](const auto& option) { return option.starts_with(kLowerdir); };
    const auto lowerdir = std::find_if(options.begin(), options.end(), is_lowerdir);
    if (fmt::format("{}", fmt::join(options, ",")).size() >= kLongOptions &&
        lowerdir != options.end()) {
        TRY(shorten(*lowerdir));
    }
    const auto data = fmt::format("{}", fmt::join(options, ","));
    if (::mount(mount.source.c_str(), at.c_str(), "overlay", 0, data.c_str()) != 0) {
        return fail(errno_error("mount overlay", data));
    }
    return {};
}

Status mount_all(const Mounts& mounts, const std::string& at) {
    for (const auto& mount : mounts) {
        TRY(mount.type == "bind" ? mount_bind(mount, at) : mount_overlay(mount, at));
    }
    return {};
}

} // namespace

Mounted::Mounted(const Mounts& mounts, std::string at) : at_(std::move(at)) {
    std::filesystem::create_directories(at_);
    const auto here = open_directory(".");
    const auto mounted = mount_all(mounts, at_);
    EXPECT_TRUE(here && ::fchdir(here->get()) == 0);
    EXPECT_TRUE(mounted) << mounted.error().message;
    ok_ = mounted.has_value();
}

Mounted::~Mounted() {
    if (ok_) {
        EXPECT_EQ(::umount2(at_.c_str(), 0), 0) << at_ << ": " << std::strerror(errno);
    }
}

} // namespace lamina::test
