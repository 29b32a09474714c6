// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/core/id_map.h"

namespace lamina {
namespace {

constexpr const char* kUids = "containerd.io/snapshot/uidmapping";
constexpr const char* kGids = "containerd.io/snapshot/gidmapping";

void expect_bad(const std::string& mapping) {
    const auto root = mapped_root({{kUids, mapping}});
    ASSERT_FALSE(root) << mapping;
    EXPECT_EQ(root.error().code, ErrorCode::invalid_argument);
}

TEST(MappedRoot, NothingWithoutLabels) {
    EXPECT_EQ(mapped_root({{"other", "0:1:2"}}).value(), std::nullopt);
}

TEST(MappedRoot, IsTheHostIdOfContainerIdZero) {
    EXPECT_EQ(mapped_root({{kUids, "0:666:65535"}, {kGids, "0:777:65535"}}).value(),
              (Owner{666, 777}));
}

TEST(MappedRoot, FindsIdZeroInAnyRange) {
    EXPECT_EQ(mapped_root({{kUids, "5:1:2,0:9:5"}, {kGids, "0:4294967294:1"}}).value(),
              (Owner{9, 4294967294}));
}

TEST(MappedRoot, MissingLabelMeansIdentity) {
    EXPECT_EQ(mapped_root({{kUids, "0:666:10"}}).value(), (Owner{666, 0}));
    EXPECT_EQ(mapped_root({{kGids, "0:777:10"}}).value(), (Owner{0, 777}));
}

TEST(MappedRoot, RefusesMappingsWithoutIdZero) {
    expect_bad("1:1:4294967294");
    expect_bad("0:5:0");
}

TEST(MappedRoot, RefusesWhatIsNoMapping) {
    expect_bad("666:65535");
    expect_bad("0:1:2:3");
    expect_bad("0:-1:2");
    expect_bad("0:1:x");
    expect_bad("0:1:4294967296");
    expect_bad(",0:1:2");
    expect_bad(" 0:1:2");
}

} // namespace
} // namespace lamina
