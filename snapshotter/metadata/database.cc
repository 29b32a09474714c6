// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/database.h"

#include <fmt/format.h>

#include "unpacker/base/check.h"

namespace lamina {
namespace {

// synchronous=FULL: in WAL mode only FULL fsyncs the log at each commit; NORMAL, SQLite's advice
// for WAL, may lose the last commits at a power cut (sqlite.org/pragma.html#pragma_synchronous).
// containerd takes our answer as a promise: it records a snapshot of ours after our reply, with an
// fsync of its own, and would point to a snapshot that we forgot.
constexpr const char* kConnectionSetup = R"(
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
)";

constexpr int kBusyTimeoutMs = 10'000; // readers meet a lock only while the log is recovered

ErrorCode code_of(int extended_result) {
    switch (extended_result) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
        return ErrorCode::already_exists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: // how SQLite reports ON DELETE RESTRICT
        return ErrorCode::failed_precondition;
    default:
        break;
    }
    switch (extended_result & 0xff) { // the primary result code
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
        return ErrorCode::resource_exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
        return ErrorCode::data_loss;
    case SQLITE_BUSY:
        return ErrorCode::unavailable;
    default:
        return ErrorCode::internal;
    }
}

} // namespace

Statement::~Statement() {
    if (handle_ != nullptr) {
        sqlite3_reset(handle_.get());
        sqlite3_clear_bindings(handle_.get());
        database_->idle_[sql_].push_back(std::move(handle_));
    }
}

void Statement::note(int result) {
    ++next_parameter_;
    if (bind_result_ == SQLITE_OK) {
        bind_result_ = result;
    }
}

Statement& Statement::bind(int64_t value) {
    note(sqlite3_bind_int64(handle_.get(), next_parameter_, value));
    return *this;
}

Statement& Statement::bind(std::string_view value) {
    // A null pointer would bind NULL.
    const char* bytes = value.data() != nullptr ? value.data() : "";
    note(sqlite3_bind_text64(handle_.get(), next_parameter_, bytes, value.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_null() {
    note(sqlite3_bind_null(handle_.get(), next_parameter_));
    return *this;
}

Result<bool> Statement::step() {
    CHECK(bind_result_ != SQLITE_RANGE && bind_result_ != SQLITE_MISUSE);
    if (bind_result_ != SQLITE_OK) {
        return fail(code_of(bind_result_),
                    fmt::format("{}: {}", sql_, sqlite3_errstr(bind_result_)));
    }
    const int result = sqlite3_step(handle_.get());
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return fail(database_->error(sql_));
    }
    return result == SQLITE_ROW;
}

Status Statement::run() {
    TRY_ASSIGN(const bool row, step());
    CHECK(!row);
    return {};
}

int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

Result<Database> Database::open(const std::string& path) {
    sqlite3* handle = nullptr;
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int result = sqlite3_open_v2(path.c_str(), &handle, kFlags, nullptr);
    Database database(handle); // to be closed also when opening it failed
    if (result != SQLITE_OK) {
        return fail(database.error("open " + path));
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    TRY(database.execute(kConnectionSetup));
    return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
    if (auto& idle = idle_[sql]; !idle.empty()) {
        auto handle = std::move(idle.back());
        idle.pop_back();
        return Statement(*this, sql, std::move(handle));
    }
    sqlite3_stmt* handle = nullptr;
    if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &handle, nullptr) != SQLITE_OK) {
        return fail(error(sql));
    }
    return Statement(*this, sql, StatementHandle(handle));
}

Status Database::execute(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        return fail(error(sql));
    }
    return {};
}

Error Database::error(std::string_view what) const {
    return {code_of(sqlite3_extended_errcode(handle_.get())), sqlite3_system_errno(handle_.get()),
            fmt::format("{}: {}", what, sqlite3_errmsg(handle_.get()))};
}

} // namespace lamina
