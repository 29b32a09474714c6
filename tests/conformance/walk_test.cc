// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/conformance/suite.h"

namespace lamina::test {
namespace {

using testing::ElementsAre;

TEST_P(SnapshotterSuite, Walk) {
    (void)prepare("a");
    commit("base", "a");
    (void)prepare("a-np", "", {{"l1", "v1"}, {"l2", "v2"}});
    (void)prepare("a-p", "base", {{"l1", "v1"}});
    (void)view("v-np");
    (void)view("v-p", "base");
    (void)prepare("b", "base", {{"l1", "other"}});
    ASSERT_TRUE(snapshotter().commit("top", "b", {{"l2", "v2"}}, ""));

    EXPECT_THAT(walk({}), ElementsAre("a-np", "a-p", "base", "top", "v-np", "v-p"));
    EXPECT_THAT(walk({"name==base"}), ElementsAre("base"));
    EXPECT_THAT(walk({"kind==active"}), ElementsAre("a-np", "a-p"));
    EXPECT_THAT(walk({"kind==view"}), ElementsAre("v-np", "v-p"));
    EXPECT_THAT(walk({"kind==committed"}), ElementsAre("base", "top"));
    EXPECT_THAT(walk({"parent==base"}), ElementsAre("a-p", "top", "v-p"));
    EXPECT_THAT(walk({"parent!=\"\",kind==view"}), ElementsAre("v-p"));
    EXPECT_THAT(walk({"labels.l1"}), ElementsAre("a-np", "a-p"));
    EXPECT_THAT(walk({"labels.l1==v1,labels.l2==v2"}), ElementsAre("a-np"));
    EXPECT_THAT(walk({"name~=-np$", "labels.l2==v2"}), ElementsAre("a-np", "top", "v-np"));
    EXPECT_THAT(walk({"name==nothing"}), ElementsAre());
}

TEST_P(SnapshotterSuite, StatInWalk) {
    (void)prepare("a");
    commit("base", "a");
    (void)prepare("b", "base");
    const auto walked = snapshotter().walk({}, [&](const Info& info) -> Status {
        TRY_ASSIGN(const auto again, snapshotter().stat(info.name));
        EXPECT_EQ(again.kind, info.kind);
        EXPECT_EQ(again.parent, info.parent);
        return {};
    });
    EXPECT_TRUE(walked) << walked.error().message;
}

} // namespace
} // namespace lamina::test
