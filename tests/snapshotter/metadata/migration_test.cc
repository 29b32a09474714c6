// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/metadata/migrations.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

constexpr const char* kFirst =
    "CREATE TABLE first (a INTEGER) STRICT; INSERT INTO first VALUES (7)";
constexpr const char* kSecond =
    "ALTER TABLE first ADD COLUMN b INTEGER; UPDATE first SET b = a + 1";

int64_t number(Database& database, std::string_view sql) {
    auto query = database.prepare(sql);
    EXPECT_TRUE(query) << query.error().message;
    EXPECT_TRUE(query && query->step().value_or(false)) << sql;
    return query ? query->integer(0) : -1;
}

class Migrations : public testing::Test {
  protected:
    Database open() {
        auto database = Database::open(dir_ / "metadata.db");
        EXPECT_TRUE(database) << database.error().message;
        return *std::move(database);
    }

  private:
    test::TempDir dir_;
};

TEST_F(Migrations, OlderDatabaseIsBroughtForwardWithItsData) {
    const char* const old_version[] = {kFirst};
    const char* const new_version[] = {kFirst, kSecond};
    {
        Database database = open();
        ASSERT_TRUE(migrate(database, old_version));
    }
    Database database = open();
    const auto migrated = migrate(database, new_version);
    ASSERT_TRUE(migrated) << migrated.error().message;
    EXPECT_EQ(number(database, "SELECT b FROM first"), 8);
    EXPECT_EQ(number(database, "PRAGMA user_version"), 2);
}

TEST_F(Migrations, NewerDatabaseIsRefused) {
    const char* const new_version[] = {kFirst, kSecond};
    const char* const old_version[] = {kFirst};
    Database database = open();
    ASSERT_TRUE(migrate(database, new_version));
    const auto refused = migrate(database, old_version);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
}

TEST_F(Migrations, FailedMigrationLeavesTheOldSchema) {
    const char* const old_version[] = {kFirst};
    const char* const broken[] = {kFirst, kSecond, "INSERT INTO missing VALUES (1)"};
    Database database = open();
    ASSERT_TRUE(migrate(database, old_version));
    EXPECT_FALSE(migrate(database, broken));
    EXPECT_EQ(number(database, "PRAGMA user_version"), 1);
    EXPECT_EQ(number(database, "SELECT count(*) FROM pragma_table_info('first')"), 1);
}

TEST_F(Migrations, ConnectionsAreDurableAndCheckForeignKeys) {
    Database database = open();
    EXPECT_EQ(number(database, "PRAGMA synchronous"), 2); // FULL
    EXPECT_EQ(number(database, "PRAGMA foreign_keys"), 1);
    EXPECT_EQ(
        number(database, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
}

} // namespace
} // namespace lamina
