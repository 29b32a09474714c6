// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/snapshotter/metadata/store_fixture.h"

namespace lamina {
namespace {

using testing::ElementsAre;
using Store = test::StoreTest;
using test::code_of;

TEST_F(Store, RootIsPrivate) {
    const std::string root = root_ / "new";
    ASSERT_TRUE(SqliteStore::open(root));
    struct stat status{};
    ASSERT_EQ(::stat(root.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(Store, SnapshotIsReadBackAsCreated) {
    const NewSnapshot snapshot{Kind::view,
                               "k",
                               "",
                               {{"a", "1"}, {"b", "2"}},
                               at(1'700'000'000'123'456'789),
                               {true, {"uidmap=0:1:2", "gidmap=0:3:4"}, {"x", "index=off"}}};
    const auto created = create(snapshot);
    ASSERT_TRUE(created);
    reopen();
    const auto record = get("k");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->id, 1);
    EXPECT_EQ(record->info.kind, Kind::view);
    EXPECT_EQ(record->info.labels, snapshot.labels);
    EXPECT_EQ(record->info.created, snapshot.now);
    EXPECT_EQ(record->info.updated, snapshot.now);
    const auto mounts = read_value(
        *store_, [&](ReadTransaction& transaction) { return transaction.frozen_mounts(1); });
    EXPECT_EQ(mounts.value_or(FrozenMounts{}), snapshot.mounts);
}

TEST_F(Store, KeysMayHoldAnyText) {
    const std::string key = "default/12/extract-123-aZ_ sha256:abc 'quoted\" \xc3\xa4\n%s";
    ASSERT_TRUE(create(key));
    EXPECT_EQ(get(key)->info.name, key);
}

TEST_F(Store, CommitKeepsIdAndReplacesLabelsAndTimes) {
    ASSERT_TRUE(create(NewSnapshot{Kind::active, "k", "", {{"old", "1"}}, at(1), {}}));
    ASSERT_TRUE(commit(CommitRequest{"k", "n", "", {{"new", "2"}}, {3, 4096}, at(5)}));
    EXPECT_EQ(get("k").error().code, ErrorCode::not_found);
    const auto record = get("n");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->id, 1);
    EXPECT_EQ(record->info.kind, Kind::committed);
    EXPECT_EQ(record->info.labels, (Labels{{"new", "2"}}));
    EXPECT_EQ(record->info.created, at(5));
    EXPECT_EQ(record->info.updated, at(5));
    EXPECT_EQ(record->usage, (Usage{3, 4096}));
}

TEST_F(Store, CreateChecksParentBeforeKey) {
    ASSERT_TRUE(create("k"));
    EXPECT_EQ(create("k", "missing").error().code, ErrorCode::not_found);
    EXPECT_EQ(create("k", "k").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(create("k").error().code, ErrorCode::already_exists);
}

TEST_F(Store, KeysAndNamesShareOneSpace) {
    ASSERT_TRUE(create("k"));
    ASSERT_TRUE(commit("k", "n"));
    EXPECT_EQ(create("n").error().code, ErrorCode::already_exists);
}

TEST_F(Store, CommitChecksNameBeforeKey) {
    ASSERT_TRUE(create("k"));
    EXPECT_EQ(code_of(commit("missing", "k")), ErrorCode::already_exists);
    EXPECT_EQ(code_of(commit("k", "k")), ErrorCode::already_exists);
    EXPECT_EQ(code_of(commit("missing", "n")), ErrorCode::not_found);
}

TEST_F(Store, OnlyActiveSnapshotsAreCommitted) {
    ASSERT_TRUE(create(NewSnapshot{Kind::view, "v", "", {}, at(1), {}}));
    EXPECT_EQ(code_of(commit("v", "n")), ErrorCode::failed_precondition);
    ASSERT_TRUE(create("k"));
    ASSERT_TRUE(commit("k", "n"));
    EXPECT_EQ(code_of(commit("n", "m")), ErrorCode::failed_precondition);
}

TEST_F(Store, CommitAdoptsAParent) {
    ASSERT_TRUE(create("a") && commit("a", "base"));
    ASSERT_TRUE(create("b"));
    ASSERT_TRUE(commit("b", "top", "base"));
    EXPECT_EQ(get("top")->info.parent, "base");
    EXPECT_EQ(code_of(remove("base")), ErrorCode::failed_precondition);
}

TEST_F(Store, CommitChecksTheParent) {
    ASSERT_TRUE(create("a") && commit("a", "base"));
    ASSERT_TRUE(create("b") && commit("b", "other"));
    ASSERT_TRUE(create("child", "base"));
    ASSERT_TRUE(create("orphan"));
    EXPECT_EQ(code_of(commit("child", "n", "other")), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(commit("orphan", "n", "missing")), ErrorCode::not_found);
    EXPECT_EQ(code_of(commit("orphan", "n", "child")), ErrorCode::failed_precondition);
    EXPECT_TRUE(commit("child", "n", "base"));
}

TEST_F(Store, ParentCannotGoBeforeItsChildren) {
    ASSERT_TRUE(create("a") && commit("a", "base"));
    ASSERT_TRUE(create("child", "base"));
    const auto refused = remove("base");
    EXPECT_EQ(code_of(refused), ErrorCode::failed_precondition);
    EXPECT_NE(refused.error().message.find("remove"), std::string::npos);
    EXPECT_TRUE(remove("child"));
    EXPECT_TRUE(remove("base"));
}

TEST_F(Store, IdsNeverRepeat) {
    ASSERT_EQ(create("a")->id, 1);
    ASSERT_EQ(create("b")->id, 2);
    ASSERT_TRUE(remove("a") && remove("b"));
    reopen();
    EXPECT_EQ(create("c")->id, 3);
}

TEST_F(Store, LastIdCountsWhatIsGone) {
    const auto last_id = [&] {
        return read_value(*store_,
                          [](ReadTransaction& transaction) { return transaction.last_id(); })
            .value();
    };
    EXPECT_EQ(last_id(), 0);
    ASSERT_TRUE(create("a") && create("b") && remove("b"));
    EXPECT_EQ(last_id(), 2);
}

TEST_F(Store, AncestorsAreNearestFirst) {
    ASSERT_TRUE(create("a") && commit("a", "A"));
    ASSERT_TRUE(create("b", "A") && commit("b", "B"));
    ASSERT_TRUE(create("c", "B"));
    const auto lowers =
        read_value(*store_, [&](ReadTransaction& transaction) { return transaction.lowers(3); });
    ASSERT_TRUE(lowers);
    EXPECT_THAT(*lowers, ElementsAre(LowerTree{2}, LowerTree{1}));
}

TEST_F(Store, DepthIsTheNumberOfAncestors) {
    ASSERT_TRUE(create("a") && commit("a", "A"));
    ASSERT_TRUE(create("b", "A") && commit("b", "B"));
    ASSERT_TRUE(create("c", "B"));
    const auto depth = [&](SnapshotId id) {
        return read_value(*store_, [&](ReadTransaction& t) { return t.depth(id); }).value();
    };
    EXPECT_EQ(depth(1), 0U);
    EXPECT_EQ(depth(2), 1U);
    EXPECT_EQ(depth(3), 2U);
}

TEST_F(Store, ForEachGoesInOrderOfNamesAndStopsAtAnError) {
    ASSERT_TRUE(create("b") && create("a") && create("B"));
    std::vector<std::string> seen;
    const auto stopped = store_->read([&](ReadTransaction& transaction) {
        return transaction.for_each([&](const SnapshotRecord& record) -> Status {
            seen.push_back(record.info.name);
            return seen.size() == 2 ? Status(fail(ErrorCode::canceled, "enough")) : Status{};
        });
    });
    EXPECT_EQ(code_of(stopped), ErrorCode::canceled);
    EXPECT_THAT(seen, ElementsAre("B", "a"));
}

TEST_F(Store, SetLabelsKeepsCreationTime) {
    ASSERT_TRUE(create(NewSnapshot{Kind::active, "k", "", {{"a", "1"}}, at(1), {}}));
    ASSERT_TRUE(store_->write([&](WriteTransaction& transaction) {
        return transaction.set_labels("k", {{"b", "2"}}, at(9));
    }));
    EXPECT_EQ(get("k")->info.labels, (Labels{{"b", "2"}}));
    EXPECT_EQ(get("k")->info.created, at(1));
    EXPECT_EQ(get("k")->info.updated, at(9));
}

TEST_F(Store, FailedWorkIsUndoneWithItsSideEffects) {
    std::vector<std::string> undone;
    const auto failed = store_->write([&](WriteTransaction& transaction) -> Status {
        TRY(transaction.create(NewSnapshot{Kind::active, "k", "", {}, at(1), {}}));
        transaction.on_rollback([&] { undone.push_back("first"); });
        transaction.on_rollback([&] { undone.push_back("second"); });
        return fail(ErrorCode::canceled, "changed my mind");
    });
    EXPECT_EQ(code_of(failed), ErrorCode::canceled);
    EXPECT_THAT(undone, ElementsAre("second", "first"));
    EXPECT_EQ(get("k").error().code, ErrorCode::not_found);
}

TEST_F(Store, FailedSyncUndoesTheTransaction) {
    bool undone = false;
    const auto failed = store_->write([&](WriteTransaction& transaction) -> Status {
        TRY(transaction.create(NewSnapshot{Kind::active, "k", "", {}, at(1), {}}));
        transaction.on_rollback([&] { undone = true; });
        transaction.sync_before_commit(-1);
        return {};
    });
    EXPECT_FALSE(failed);
    EXPECT_TRUE(undone);
    EXPECT_EQ(get("k").error().code, ErrorCode::not_found);
    EXPECT_EQ(store_->commits(), 0U);
}

TEST_F(Store, ReadersSeeTheLastCommitWhileAWriterWorks) {
    ASSERT_TRUE(create("old"));
    const auto done = store_->write([&](WriteTransaction& transaction) -> Status {
        TRY(transaction.create(NewSnapshot{Kind::active, "new", "", {}, at(1), {}}));
        EXPECT_TRUE(get("old")); // from the middle of a write transaction
        EXPECT_EQ(get("new").error().code, ErrorCode::not_found);
        return {};
    });
    EXPECT_TRUE(done);
    EXPECT_TRUE(get("new"));
}

} // namespace
} // namespace lamina
