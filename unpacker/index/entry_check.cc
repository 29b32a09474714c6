// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/entry_check.h"

#include <string_view>

#include <linux/limits.h>

#include "unpacker/base/limits.h"
#include "unpacker/index/path_order.h"

namespace lamina {
namespace {

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." &&
           name.find('\0') == std::string_view::npos;
}

bool has_plain_values(const IndexEntry& entry) {
    const long nanoseconds = entry.modify_time.tv_nsec;
    return (entry.mode & ~07777U) == 0 && nanoseconds >= 0 && nanoseconds < 1'000'000'000;
}

bool is_valid_target(const IndexEntry& entry) {
    const std::string& target = entry.target;
    return entry.type != NodeType::symlink ||
           (!target.empty() && target.size() <= limits::kPathBytesMax &&
            target.find('\0') == std::string::npos);
}

bool has_marks_of_its_type(const IndexEntry& entry) {
    const bool is_directory = entry.type == NodeType::directory;
    return (!entry.is_opaque || is_directory) && (!entry.has_overlay_marks || !is_directory) &&
           (!entry.content || entry.type == NodeType::file);
}

} // namespace

const char* EntryCheck::add(const IndexEntry& entry) {
    if (const char* const wrong = check_path(entry)) {
        return wrong;
    }
    if (!has_plain_values(entry)) {
        return "mode or time out of range";
    }
    if (!is_valid_target(entry)) {
        return "target of a symlink";
    }
    if (!has_marks_of_its_type(entry)) {
        return "a mark that its type cannot have";
    }
    return check_link_group(entry);
}

const char* EntryCheck::check_path(const IndexEntry& entry) {
    if (!has_root_) {
        has_root_ = true;
        const bool is_root = entry.path.empty() && entry.type == NodeType::directory;
        return is_root && !entry.is_opaque ? nullptr : "the first entry is not the root";
    }
    if (entry.path.size() > limits::kPathBytesMax || entry.path.starts_with('/') ||
        !is_name(last_name(entry.path))) {
        return "name";
    }
    if (compare_paths(last_path_, entry.path) >= 0) {
        return "order";
    }
    const std::string_view parent = parent_path(entry.path);
    while (!open_.empty() && open_.back() != parent) {
        open_.pop_back();
    }
    if (open_.empty() && !parent.empty()) {
        return "no directory holds it";
    }
    if (entry.type == NodeType::directory) {
        open_.push_back(entry.path);
    }
    last_path_ = entry.path;
    return nullptr;
}

const char* EntryCheck::check_link_group(const IndexEntry& entry) {
    if (entry.link_group == 0) {
        return nullptr;
    }
    if (entry.type == NodeType::directory || entry.type == NodeType::whiteout) {
        return "link group of a directory or whiteout";
    }
    if (entry.link_group == groups_.size() + 1) {
        groups_.push_back(entry.type);
    }
    const bool fits =
        entry.link_group <= groups_.size() && groups_[entry.link_group - 1] == entry.type;
    return fits ? nullptr : "number of a link group";
}

} // namespace lamina
