// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lamina::test {

enum class ManifestTimes {
    all,
    without_directories, // for trees whose directories nobody gave a time
    none,
};

// A directory tree as text, one sorted line for each object, so that two trees compare with
// EXPECT_EQ and a failure reads as a diff:
//
//   . dir 0755 0:0
//   etc/hosts file 0644 0:0 size=9 sha256=... mtime=1600000000.000000000 user.key=0x76616c
//
// The first line is the root itself, which no archive changes; its time is left out. The second
// and later names of an inode say so: link=<first name>.
[[nodiscard]] std::string manifest(const std::string& root,
                                   ManifestTimes times = ManifestTimes::all);

} // namespace lamina::test
