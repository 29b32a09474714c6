// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unpacker/base/fd.h"

namespace lamina::test {

// A chain of `depth` directories named "d" below `top`; its path is longer than PATH_MAX, so it is
// made descriptor by descriptor.
inline void make_deep_tree(const std::string& top, int depth) {
    auto here = open_directory(top);
    ASSERT_TRUE(here);
    for (int i = 0; i < depth; ++i) {
        ASSERT_EQ(::mkdirat(here->get(), "d", 0755), 0);
        auto next = open_directory_at(here->get(), "d");
        ASSERT_TRUE(next);
        *here = std::move(*next);
    }
}

} // namespace lamina::test
