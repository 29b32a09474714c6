// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

#include "unpacker/base/result.h"

namespace lamina {

struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

class Database;

// One execution of an SQL statement: bind the parameters from left to right, then step through the
// rows. Goes back to its Database at the end of its life, which must come first.
class Statement {
  public:
    Statement(Database& database, std::string_view sql, StatementHandle handle)
        : database_(&database), sql_(sql), handle_(std::move(handle)) {}
    Statement(Statement&&) noexcept = default;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Statement& bind(int64_t value);
    Statement& bind(std::string_view value);
    Statement& bind_null();

    // True: there is a row to look at. False: the end.
    Result<bool> step();
    // For statements without rows.
    Status run();

    [[nodiscard]] int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const; // empty for NULL

  private:
    void note(int result);

    Database* database_;
    std::string_view sql_; // the caller's literal
    StatementHandle handle_;
    int next_parameter_ = 1;
    int bind_result_ = SQLITE_OK;
};

// One connection, for one thread at a time. Errors name the statement: already_exists for a
// violated UNIQUE, failed_precondition for a violated foreign key, else what went wrong below.
class Database {
  public:
    // Made when missing; write-ahead log, foreign keys on, durable commits.
    static Result<Database> open(const std::string& path);

    // `sql` must outlive the Database; a literal. Prepared once, then kept.
    Result<Statement> prepare(std::string_view sql);
    // Any number of statements without parameters and rows.
    Status execute(const std::string& sql);
    [[nodiscard]] int64_t last_insert_id() const {
        return sqlite3_last_insert_rowid(handle_.get());
    }
    // False also after an error that made SQLite roll back by itself (lang_transaction.html).
    [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

  private:
    friend class Statement;
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };

    explicit Database(sqlite3* handle) : handle_(handle) {}
    [[nodiscard]] Error error(std::string_view what) const;

    std::unique_ptr<sqlite3, Close> handle_;
    std::map<std::string_view, std::vector<StatementHandle>> idle_; // goes before handle_
};

} // namespace lamina
