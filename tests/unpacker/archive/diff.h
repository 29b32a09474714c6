// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/support/entry.h"

namespace lamina::test {

enum class ParentEntries { with, without };

// The layer that turns the tree `before` into the tree `after`, in the way of containerd's diff
// writer: sorted, whiteouts for what is gone, the directories above each entry before it, and
// all names of a linked inode when one of them is new. Without parent entries a directory whose
// own metadata is unchanged is left to be implied. For tests only: it reads both trees whole.
[[nodiscard]] Tree diff(const std::string& before, const std::string& after, ParentEntries parents);

} // namespace lamina::test
