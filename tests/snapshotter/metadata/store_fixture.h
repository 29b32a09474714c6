// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "snapshotter/core/store_value.h"
#include "snapshotter/metadata/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace lamina::test {

inline ErrorCode code_of(const Status& status) {
    return status ? ErrorCode{} : status.error().code;
}

class StoreTest : public testing::Test {
  protected:
    StoreTest() { reopen(); }

    void reopen() {
        store_.reset();
        auto opened = SqliteStore::open(root_.path());
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = *std::move(opened);
    }

    static Timestamp at(int64_t nanoseconds) {
        return Timestamp(std::chrono::nanoseconds(nanoseconds));
    }

    Result<SnapshotRecord> create(const NewSnapshot& snapshot) {
        return write_value(
            *store_, [&](WriteTransaction& transaction) { return transaction.create(snapshot); });
    }
    Result<SnapshotRecord> create(const std::string& key, const std::string& parent = {}) {
        return create(NewSnapshot{Kind::active, key, parent, {}, at(1), {}});
    }
    Status commit(const CommitRequest& request) {
        return store_->write(
            [&](WriteTransaction& transaction) { return transaction.commit(request); });
    }
    Status commit(const std::string& key, const std::string& name, const std::string& parent = {}) {
        return commit(CommitRequest{key, name, parent, {}, {1, 2}, at(2)});
    }
    Status remove(const std::string& key) {
        return store_->write(
            [&](WriteTransaction& transaction) { return transaction.remove(key); });
    }
    Result<SnapshotRecord> get(const std::string& key) {
        return read_value(*store_,
                          [&](ReadTransaction& transaction) { return transaction.get(key); });
    }

    TempDir root_;
    std::unique_ptr<SqliteStore> store_;
};

} // namespace lamina::test
