// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/core/name_parts.h"

namespace lamina {
namespace {

TEST(NameParts, ClientsKeyMayHoldSlashes) {
    EXPECT_EQ(namespace_in("k8s.io/12/extract-1-a/b= sha256:0"), "k8s.io");
    EXPECT_EQ(client_key_in("k8s.io/12/extract-1-a/b= sha256:0"), "extract-1-a/b= sha256:0");
}

TEST(NameParts, NameOfAnotherFormHasNoClientsKey) {
    EXPECT_EQ(client_key_in("extract-1"), "");
    EXPECT_EQ(client_key_in("a/extract-1"), "");
    EXPECT_EQ(client_key_in(""), "");
    EXPECT_EQ(namespace_in("extract-1"), "extract-1");
}

} // namespace
} // namespace lamina
