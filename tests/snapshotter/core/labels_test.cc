// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/core/labels.h"

namespace lamina {
namespace {

TEST(CheckedLabels, DropsEmptyValues) {
    EXPECT_EQ(checked_labels({{"a", "1"}, {"b", ""}}).value(), (Labels{{"a", "1"}}));
}

TEST(CheckedLabels, LimitsKeyAndValueTogetherTo4096Bytes) {
    EXPECT_TRUE(checked_labels({{"key", std::string(4093, 'v')}}));
    const auto refused = checked_labels({{"key", std::string(4094, 'v')}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
}

TEST(UpdatedLabels, NoPathsReplaceAll) {
    EXPECT_EQ(updated_labels({{"a", "1"}}, {{"b", "2"}}, {}).value(), (Labels{{"b", "2"}}));
}

TEST(UpdatedLabels, PathLabelsReplacesAll) {
    EXPECT_EQ(updated_labels({{"a", "1"}}, {{"b", "2"}}, {"labels"}).value(), (Labels{{"b", "2"}}));
}

TEST(UpdatedLabels, SinglePathsSetAndDelete) {
    const auto updated = updated_labels({{"keep", "1"}, {"set", "1"}, {"gone", "1"}},
                                        {{"set", "2"}, {"ignored", "3"}},
                                        {"labels.set", "labels.gone", "labels.never.was/there"});
    EXPECT_EQ(checked_labels(updated.value()).value(), (Labels{{"keep", "1"}, {"set", "2"}}));
}

TEST(UpdatedLabels, KeyIsEverythingBehindTheFirstDot) {
    EXPECT_EQ(updated_labels({}, {{"a.b/c.d", "1"}}, {"labels.a.b/c.d"}).value(),
              (Labels{{"a.b/c.d", "1"}}));
}

TEST(UpdatedLabels, OtherFieldsAreRefused) {
    for (const char* path : {"parent", "kind", "name", "label", ""}) {
        const auto refused = updated_labels({}, {}, {"labels.a", path});
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    }
}

} // namespace
} // namespace lamina
