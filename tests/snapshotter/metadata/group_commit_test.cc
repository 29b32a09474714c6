// SPDX-License-Identifier: Apache-2.0
#include <latch>
#include <thread>
#include <vector>

#include <sqlite3.h>

#include "tests/snapshotter/metadata/store_fixture.h"

namespace lamina {
namespace {

constexpr int kWriters = 16;

class GroupCommit : public test::StoreTest {
  protected:
    // Runs `write(i)` of all writers while another transaction is under way, so that they meet.
    template <class Write>
    void write_together(const Write& write) {
        std::latch first_is_running(1);
        std::latch go_on(1);
        std::thread first([&] {
            EXPECT_TRUE(store_->write([&](WriteTransaction&) -> Status {
                first_is_running.count_down();
                go_on.wait();
                return {};
            }));
        });
        first_is_running.wait();
        std::vector<std::thread> writers;
        for (int i = 0; i < kWriters; ++i) {
            writers.emplace_back([&write, i] { write(i); });
        }
        wait_until_queued(kWriters);
        go_on.count_down();
        first.join();
        for (auto& writer : writers) {
            writer.join();
        }
    }

  private:
    void wait_until_queued(size_t writers) {
        while (store_->queued() < writers) {
            std::this_thread::yield();
        }
    }
};

TEST_F(GroupCommit, WritersThatMeetShareOneCommit) {
    write_together([&](int i) { EXPECT_TRUE(create("k" + std::to_string(i))); });
    EXPECT_EQ(store_->commits(), 2U); // the first one's, and the others'
    for (int i = 0; i < kWriters; ++i) {
        EXPECT_TRUE(get("k" + std::to_string(i)));
    }
}

TEST_F(GroupCommit, FailingWriterUndoesOnlyItself) {
    write_together([&](int i) {
        const auto done = store_->write([&](WriteTransaction& transaction) -> Status {
            TRY(transaction.create({Kind::active, "k" + std::to_string(i), "", {}, at(1), {}}));
            return i % 2 == 0 ? Status{} : Status(fail(ErrorCode::canceled, "odd"));
        });
        EXPECT_EQ(done.has_value(), i % 2 == 0);
    });
    for (int i = 0; i < kWriters; ++i) {
        EXPECT_EQ(get("k" + std::to_string(i)).has_value(), i % 2 == 0) << i;
    }
}

TEST_F(GroupCommit, FailedCommitFailsAndUndoesAll) {
    std::atomic<int> undone = 0;
    write_together([&](int i) {
        const auto done = store_->write([&](WriteTransaction& transaction) -> Status {
            TRY(transaction.create({Kind::active, "k" + std::to_string(i), "", {}, at(1), {}}));
            transaction.on_rollback([&] { ++undone; });
            if (i == 0) {
                transaction.sync_before_commit(-1); // EBADF
            }
            return {};
        });
        EXPECT_FALSE(done);
    });
    EXPECT_EQ(undone, kWriters);
    EXPECT_EQ(get("k1").error().code, ErrorCode::not_found);
    EXPECT_TRUE(create("k1")); // and the store goes on
}

// Lets SQLite refuse one kind of savepoint statement, as when memory or disk give out.
class RefusedSavepoint : public GroupCommit {
  protected:
    RefusedSavepoint() {
        ::sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch));
        reopen(); // only new connections are watched
    }
    ~RefusedSavepoint() override { ::sqlite3_reset_auto_extension(); }

    // All writers share a commit; the second one fails, and then `operation` is refused.
    void write_while_refusing(const std::string& operation) {
        std::atomic<int> undone = 0;
        write_together([&](int i) {
            const auto done = store_->write([&](WriteTransaction& transaction) -> Status {
                TRY(transaction.create({Kind::active, "k" + std::to_string(i), "", {}, at(1), {}}));
                transaction.on_rollback([&] { ++undone; });
                if (i != 1) {
                    return {};
                }
                refused_ = operation;
                return fail(ErrorCode::canceled, "changed my mind");
            });
            EXPECT_FALSE(done);
        });
        refused_.clear();
        EXPECT_GE(undone, 1);
        for (int i = 0; i < kWriters; ++i) {
            EXPECT_EQ(get("k" + std::to_string(i)).error().code, ErrorCode::not_found) << i;
        }
        EXPECT_TRUE(create("k1")); // and the store goes on
    }

  private:
    static int watch(sqlite3* database, char** /*error*/, const void* /*api*/) {
        return ::sqlite3_set_authorizer(database, authorize, nullptr);
    }
    static int authorize(void* /*unused*/, int action, const char* operation, const char* /*name*/,
                         const char* /*schema*/, const char* /*trigger*/) {
        return action == SQLITE_SAVEPOINT && refused_ == operation ? SQLITE_DENY : SQLITE_OK;
    }

    static inline std::string refused_; // while set, used by the writing thread alone
};

TEST_F(RefusedSavepoint, BatchFailsWhenAFailedWriterCannotBeUndone) {
    write_while_refusing("ROLLBACK");
}

TEST_F(RefusedSavepoint, BatchFailsWhenASavepointCannotBeReleased) {
    write_while_refusing("RELEASE");
}

TEST_F(GroupCommit, TransactionsOfFailedWritersAloneAreNotCommitted) {
    EXPECT_FALSE(remove("missing"));
    EXPECT_EQ(store_->commits(), 0U);
}

} // namespace
} // namespace lamina
