// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/conformance/suite.h"
#include "tests/support/manifest.h"
#include "tests/support/tree.h"

namespace lamina::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void expect_info(const Info& info, Kind kind, const std::string& name, const std::string& parent) {
    EXPECT_EQ(info.kind, kind);
    EXPECT_EQ(info.name, name);
    EXPECT_EQ(info.parent, parent);
}

void make_first(const std::string& root) {
    make_tree(root, {file("foo", "foo\n", 0777), dir("a"), dir("a/b"), file("a/b/c", "c\n")});
}

void make_second(const std::string& root) {
    std::filesystem::remove_all(root + "/a/b");
    make_tree(root, {file("bar", "bar\n", 0777), file("foo", "changed\n", 0777)});
}

TEST_P(SnapshotterSuite, Basic) {
    const std::string expected = plain_directory("expected");
    make_first(expected);
    commit_layer("committed", "", make_first);
    expect_info(stat("committed"), Kind::committed, "committed", "");
    EXPECT_EQ(code_of(snapshotter().stat("committed-active")), ErrorCode::not_found);
    {
        const Mounted next(prepare("next", "committed"), work("next"));
        EXPECT_EQ(manifest(next.path(), ManifestTimes::none),
                  manifest(expected, ManifestTimes::none));
        make_second(next.path());
    }
    make_second(expected);
    expect_info(stat("next"), Kind::active, "next", "committed");
    commit("next-committed", "next");
    expect_info(stat("next-committed"), Kind::committed, "next-committed", "committed");
    EXPECT_EQ(code_of(snapshotter().stat("next")), ErrorCode::not_found);
    EXPECT_THAT(walk({}), ElementsAre("committed", "next-committed"));
    {
        const Mounted seen(view("view", "next-committed"), work("view"));
        EXPECT_EQ(manifest(seen.path(), ManifestTimes::none),
                  manifest(expected, ManifestTimes::none));
    }
    remove("view");
    const auto refused = snapshotter().remove("committed");
    EXPECT_EQ(code_of(refused), ErrorCode::failed_precondition);
    EXPECT_THAT(refused.error().message, HasSubstr("remove"));
    remove("next-committed");
    remove("committed");
    EXPECT_THAT(walk({}), ElementsAre());
}

TEST_P(SnapshotterSuite, StatActive) {
    const Mounted mounted(prepare("stat-active"), work("mnt"));
    write_file(mounted / "foo", "x");
    expect_info(stat("stat-active"), Kind::active, "stat-active", "");
}

TEST_P(SnapshotterSuite, StatComitted) {
    commit_layer("committed", "", make_first);
    expect_info(stat("committed"), Kind::committed, "committed", "");
}

TEST_P(SnapshotterSuite, TransitivityTest) {
    commit_layer("A", "", make_first);
    commit_layer("B", "A", make_second);
    (void)prepare("C", "B");
    expect_info(stat("A"), Kind::committed, "A", "");
    expect_info(stat("B"), Kind::committed, "B", "A");
    expect_info(stat("C"), Kind::active, "C", "B");
}

TEST_P(SnapshotterSuite, PreareViewFailingtest) {
    commit_layer("A", "", make_first);
    commit_layer("B", "A", make_second);
    (void)prepare("prepared", "A");
    EXPECT_EQ(code_of(snapshotter().prepare("prepared", "A", {})), ErrorCode::already_exists);
    EXPECT_EQ(code_of(snapshotter().prepare("prepared", "B", {})), ErrorCode::already_exists);
    EXPECT_EQ(code_of(snapshotter().view("prepared", "A", {})), ErrorCode::already_exists);
    (void)view("viewed", "A");
    EXPECT_EQ(code_of(snapshotter().prepare("viewed", "A", {})), ErrorCode::already_exists);
    EXPECT_EQ(code_of(snapshotter().view("viewed", "B", {})), ErrorCode::already_exists);
    EXPECT_EQ(code_of(snapshotter().prepare("other", "missing", {})), ErrorCode::not_found);
    EXPECT_EQ(code_of(snapshotter().prepare("other", "prepared", {})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(snapshotter().view("other", "viewed", {})), ErrorCode::invalid_argument);
}

TEST_P(SnapshotterSuite, Update) {
    (void)prepare("key", "", {{"l1", "v1"}});
    const Info before = stat("key");
    Info changed = before;
    changed.labels = {{"l1", "updated"}, {"l2", "v2"}};
    changed.parent = "ignored";
    changed.created = {};
    const auto replaced = snapshotter().update(changed, {});
    ASSERT_TRUE(replaced) << replaced.error().message;
    EXPECT_EQ(replaced->labels, changed.labels);
    EXPECT_EQ(replaced->parent, "");
    EXPECT_EQ(replaced->created, before.created);
    EXPECT_GT(replaced->updated, before.updated);

    changed.labels = {{"l1", "not asked for"}, {"l3", "v3"}};
    const auto single = snapshotter().update(changed, {"labels.l3", "labels.l2"});
    ASSERT_TRUE(single);
    EXPECT_EQ(single->labels, (Labels{{"l1", "updated"}, {"l3", "v3"}}));
    EXPECT_EQ(code_of(snapshotter().update(changed, {"labels.l1", "parent"})),
              ErrorCode::invalid_argument);
    EXPECT_EQ(stat("key").labels, single->labels);
    changed.labels = {};
    EXPECT_EQ(snapshotter().update(changed, {"labels"})->labels, Labels{});
    changed.name = "missing";
    EXPECT_EQ(code_of(snapshotter().update(changed, {})), ErrorCode::not_found);
}

TEST_P(SnapshotterSuite, Remove) {
    commit_layer("A", "", make_first);
    commit_layer("B", "A", make_second);
    (void)prepare("key", "A");
    remove("key");
    (void)view("key", "B"); // another kind, another parent
    remove("key");
    (void)prepare("key");
    commit("name", "key");
    remove("name");
    (void)prepare("name", "A");
    remove("name");
    EXPECT_EQ(code_of(snapshotter().remove("name")), ErrorCode::not_found);
}

TEST_P(SnapshotterSuite, RemoveIntermediateSnapshot) {
    commit_layer("base", "", make_first);
    commit_layer("intermediate", "base", make_second);
    (void)prepare("leaf", "intermediate");
    EXPECT_EQ(code_of(snapshotter().remove("intermediate")), ErrorCode::failed_precondition);
    EXPECT_EQ(code_of(snapshotter().remove("base")), ErrorCode::failed_precondition);
    remove("leaf");
    remove("intermediate");
    remove("base");
}

TEST_P(SnapshotterSuite, CloseTwice) {
    commit_layer("kept", "", make_first);
    reopen();
    reopen();
    expect_info(stat("kept"), Kind::committed, "kept", "");
}

} // namespace
} // namespace lamina::test
