// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/layout.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

Status check_root(const std::string& root) {
    if (root.empty() || root.front() != '/' || root.back() == '/') {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("root '{}' must be an absolute path without '/' at its end", root));
    }
    // overlayfs splits lowerdir at ':', mount(8) and containerd split options at ','.
    if (root.find_first_of(":,") != std::string::npos) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("root '{}' must not contain ':' or ',', which separate mount "
                                "options",
                                root));
    }
    return {};
}

Status make_if_missing(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
        return fail(errno_error("mkdir", path));
    }
    return {};
}

std::optional<SnapshotId> parse_id(std::string_view text) {
    SnapshotId id = 0;
    const char* const end = std::to_address(text.end());
    const auto [stopped, error] = std::from_chars(std::to_address(text.begin()), end, id);
    if (error != std::errc() || stopped != end || std::to_string(id) != text) {
        return std::nullopt;
    }
    return id;
}

Result<Fd> open_private(const std::string& path) {
    TRY(make_if_missing(path, 0700));
    return open_directory(path);
}

} // namespace

Result<Layout> Layout::open(const std::string& root) {
    TRY(check_root(root));
    TRY(make_if_missing(root, 0700));
    TRY_ASSIGN(auto snapshots, open_private(root + "/snapshots"));
    TRY_ASSIGN(auto staging, open_private(root + "/staging"));
    TRY_ASSIGN(auto trash, open_private(root + "/trash"));
    Layout layout(root, std::move(snapshots), std::move(staging), std::move(trash));
    TRY(make_if_missing(layout.empty_lower(), 0755));
    if (::chmod(layout.empty_lower().c_str(), 0755) != 0) { // users of containers look through it
        return fail(errno_error("chmod", layout.empty_lower()));
    }
    return layout;
}

std::optional<SnapshotId> Layout::id_of_upper(const std::string& path) const {
    const std::string before = root_ + "/snapshots/";
    const std::string after = "/fs";
    if (!path.starts_with(before) || !path.ends_with(after) ||
        path.size() < before.size() + after.size()) {
        return std::nullopt;
    }
    return parse_id(
        std::string_view(path).substr(before.size(), path.size() - before.size() - after.size()));
}

Result<std::vector<SnapshotId>> Layout::ids() const {
    std::vector<SnapshotId> ids;
    TRY(for_each_entry(snapshots(), [&](const char* name, unsigned char) -> Status {
        if (const auto id = parse_id(name)) {
            ids.push_back(*id);
        }
        return {};
    }));
    return ids;
}

std::string Layout::fresh_name(std::string_view prefix) {
    // The clock tells runs of the daemon apart, the counter the names of one run.
    static const auto run = std::chrono::system_clock::now().time_since_epoch().count();
    static std::atomic<uint64_t> counter = 0;
    return fmt::format("{}-{:x}-{}", prefix, run, ++counter);
}

Status make_directory(int parent, const std::string& name, mode_t mode) {
    if (::mkdirat(parent, name.c_str(), mode) != 0) {
        return fail(errno_error("mkdir", name));
    }
    if (::fchmodat(parent, name.c_str(), mode, 0) != 0) {
        return fail(errno_error("chmod", name));
    }
    return {};
}

} // namespace lamina
