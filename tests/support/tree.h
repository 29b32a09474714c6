// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "tests/support/entry.h"

namespace lamina::test {

// Makes the entries below `root`, in their order, with plain system calls and no care for links in
// names: paths are taken as they are. Names of existing directories update their metadata. Times
// of directories are set last. A failure ends the test program; the functions below throw
// std::system_error for what they cannot read.
void make_tree(const std::string& root, const Tree& entries);

// Owner, xattrs, mode (not of a link) and times of one path, last link not followed.
void set_metadata(const std::string& path, const Entry& entry);

// Calls `visit` for everything below `root`, sorted by name within each directory, a directory
// before what it holds. Names are relative. The second and later names of an inode come as hard
// links to the first, with the inode's metadata.
void walk_tree(const std::string& root, const std::function<void(const Entry&)>& visit);

// What walk_tree() visits.
[[nodiscard]] Tree read_tree(const std::string& root);

// The metadata, xattrs and content of one path, last link not followed.
[[nodiscard]] Entry read_entry(const std::string& path, const std::string& name);

[[nodiscard]] bool exists(const std::string& path);
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);

} // namespace lamina::test
