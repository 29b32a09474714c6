// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "snapshotter/metadata/migrations.h"
#include "tests/snapshotter/metadata/store_fixture.h"

namespace lamina {
namespace {

using test::code_of;
using testing::ElementsAre;
using testing::IsEmpty;

class FlatTrees : public test::StoreTest {
  protected:
    // Committed snapshots "1" to "<count>", each on the one before, with these ids.
    void make_chain(int count) {
        for (int i = 1; i <= count; ++i) {
            add_layer(std::to_string(i), i == 1 ? "" : std::to_string(i - 1));
        }
    }
    void add_layer(const std::string& name, const std::string& parent) {
        ASSERT_TRUE(create("key", parent));
        ASSERT_TRUE(commit("key", name));
    }
    Status want(SnapshotId id) {
        return store_->write(
            [&](WriteTransaction& transaction) { return transaction.want_flat_tree(id); });
    }
    Status finish(SnapshotId id, std::optional<SnapshotId> base) {
        return store_->write(
            [&](WriteTransaction& transaction) { return transaction.finish_flat_tree(id, base); });
    }
    void make_flat(SnapshotId id, std::optional<SnapshotId> base) {
        ASSERT_TRUE(want(id));
        ASSERT_TRUE(finish(id, base));
    }
    // Of a view of `parent`.
    std::vector<LowerTree> lowers_on(const std::string& parent) {
        const auto record = create(NewSnapshot{Kind::view, "view", parent, {}, at(1), {}});
        EXPECT_TRUE(record);
        const auto lowers = read_value(
            *store_, [&](ReadTransaction& transaction) { return transaction.lowers(record->id); });
        EXPECT_TRUE(remove("view"));
        return lowers.value_or(std::vector<LowerTree>{});
    }
    std::vector<SnapshotId> wanted() {
        return read_value(
                   *store_,
                   [](ReadTransaction& transaction) { return transaction.wanted_flat_trees(); })
            .value_or(std::vector<SnapshotId>{-1});
    }
};

TEST_F(FlatTrees, FinishedTreeStandsForTheChainDownToItsBase) {
    make_chain(4);
    make_flat(4, 1);
    EXPECT_THAT(lowers_on("4"), ElementsAre(LowerTree{4, true}, LowerTree{1}));
    EXPECT_THAT(lowers_on("3"), ElementsAre(LowerTree{3}, LowerTree{2}, LowerTree{1}));
}

TEST_F(FlatTrees, TreeWithoutBaseStandsForTheWholeChain) {
    make_chain(3);
    make_flat(3, std::nullopt);
    EXPECT_THAT(lowers_on("3"), ElementsAre(LowerTree{3, true}));
}

TEST_F(FlatTrees, LayersAboveOneComeUponIt) {
    make_chain(3);
    make_flat(3, 1);
    add_layer("4", "3");
    add_layer("5", "4");
    EXPECT_THAT(lowers_on("5"),
                ElementsAre(LowerTree{5}, LowerTree{4}, LowerTree{3, true}, LowerTree{1}));
}

TEST_F(FlatTrees, TwoMayStandInOneChain) {
    make_chain(3);
    make_flat(3, 1);
    add_layer("4", "3");
    add_layer("5", "4");
    make_flat(5, 3);
    EXPECT_THAT(lowers_on("5"), ElementsAre(LowerTree{5, true}, LowerTree{3, true}, LowerTree{1}));
}

TEST_F(FlatTrees, OneThatIsOnlyWantedStandsForNothing) {
    make_chain(2);
    ASSERT_TRUE(want(2));
    EXPECT_THAT(wanted(), ElementsAre(2));
    EXPECT_THAT(lowers_on("2"), ElementsAre(LowerTree{2}, LowerTree{1}));
}

TEST_F(FlatTrees, FirstChildSettlesThatThereWillBeNone) {
    make_chain(2);
    ASSERT_TRUE(want(2));
    const auto before = lowers_on("2"); // makes a view and removes it
    EXPECT_THAT(wanted(), IsEmpty());
    EXPECT_EQ(code_of(finish(2, 1)), ErrorCode::failed_precondition);
    reopen();
    EXPECT_EQ(lowers_on("2"), before);
}

TEST_F(FlatTrees, CommitOntoASnapshotSettlesItToo) {
    make_chain(2);
    ASSERT_TRUE(want(2));
    ASSERT_TRUE(create("key"));
    ASSERT_TRUE(commit("key", "3", "2"));
    EXPECT_THAT(wanted(), IsEmpty());
    EXPECT_EQ(code_of(finish(2, 1)), ErrorCode::failed_precondition);
}

TEST_F(FlatTrees, FailedCreationSettlesNothing) {
    make_chain(2);
    ASSERT_TRUE(want(2));
    EXPECT_EQ(create("1", "2").error().code, ErrorCode::already_exists);
    EXPECT_THAT(wanted(), ElementsAre(2));
}

TEST_F(FlatTrees, FinishedOneStaysWhateverComesAfter) {
    make_chain(2);
    make_flat(2, std::nullopt);
    ASSERT_TRUE(store_->write(
        [](WriteTransaction& transaction) { return transaction.forget_flat_tree(2); }));
    EXPECT_EQ(code_of(finish(2, 1)), ErrorCode::failed_precondition);
    reopen();
    EXPECT_THAT(lowers_on("2"), ElementsAre(LowerTree{2, true}));
    EXPECT_THAT(lowers_on("2"), ElementsAre(LowerTree{2, true}));
}

TEST_F(FlatTrees, GoWithTheirSnapshot) {
    make_chain(3);
    make_flat(3, 1);
    EXPECT_EQ(code_of(remove("1")), ErrorCode::failed_precondition);
    ASSERT_TRUE(remove("3"));
    ASSERT_TRUE(remove("2"));
    ASSERT_TRUE(remove("1"));
    EXPECT_EQ(code_of(finish(3, 1)), ErrorCode::failed_precondition);
}

TEST_F(FlatTrees, ForgottenOneIsNotFinished) {
    make_chain(2);
    ASSERT_TRUE(want(2));
    ASSERT_TRUE(store_->write(
        [](WriteTransaction& transaction) { return transaction.forget_flat_tree(2); }));
    EXPECT_THAT(wanted(), IsEmpty());
    EXPECT_EQ(code_of(finish(2, 1)), ErrorCode::failed_precondition);
}

// A database as the version before flat trees left it.
TEST(FlatTreesMigration, LeavesSnapshotsOfSchemaOneAsTheyWere) {
    const test::TempDir root;
    const auto all = schema_migrations();
    {
        auto database = Database::open(root / "metadata.db");
        ASSERT_TRUE(database);
        ASSERT_TRUE(migrate(*database, all.first(1)));
        ASSERT_TRUE(database->execute(
            "INSERT INTO snapshots VALUES (1, 'base', 3, NULL, 1, 1, 2, 3, 0),"
            "(2, 'seen', 3, 1, 1, 1, 2, 3, 0), (3, 'active', 2, 2, 1, 1, NULL, NULL, 0)"));
    }
    auto store = SqliteStore::open(root.path());
    ASSERT_TRUE(store) << store.error().message;
    const auto lowers =
        read_value(**store, [](ReadTransaction& transaction) { return transaction.lowers(3); });
    ASSERT_TRUE(lowers) << lowers.error().message;
    EXPECT_THAT(*lowers, ElementsAre(LowerTree{2}, LowerTree{1}));
    const auto finished = (*store)->write([](WriteTransaction& transaction) {
        return transaction.finish_flat_tree(2, std::nullopt);
    });
    EXPECT_EQ(test::code_of(finished), ErrorCode::failed_precondition);
}

} // namespace
} // namespace lamina
