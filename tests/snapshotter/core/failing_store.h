// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "snapshotter/core/metadata_store.h"

namespace lamina::test {

// Counts the operations on a store and lets one of them fail.
struct FaultPlan {
    std::atomic<int> operations = 0;
    std::atomic<int> failing = 0; // 1 is the first; 0 for none

    Status step() {
        return ++operations == failing ? Status(fail(ErrorCode::unavailable, "injected"))
                                       : Status{};
    }
};

// Passes everything to a real transaction unless the plan says to fail.
class FailingTransaction final : public WriteTransaction {
  public:
    FailingTransaction(ReadTransaction& reading, WriteTransaction* writing, FaultPlan& plan)
        : reading_(reading), writing_(writing), plan_(plan) {}

    Result<SnapshotRecord> get(const std::string& key) override {
        TRY(plan_.step());
        return reading_.get(key);
    }
    Result<SnapshotRecord> get_by_id(SnapshotId id) override {
        TRY(plan_.step());
        return reading_.get_by_id(id);
    }
    Result<FrozenMounts> frozen_mounts(SnapshotId id) override {
        TRY(plan_.step());
        return reading_.frozen_mounts(id);
    }
    Result<std::vector<LowerTree>> lowers(SnapshotId id) override {
        TRY(plan_.step());
        return reading_.lowers(id);
    }
    Result<size_t> depth(SnapshotId id) override {
        TRY(plan_.step());
        return reading_.depth(id);
    }
    Result<std::vector<SnapshotId>> wanted_flat_trees() override {
        TRY(plan_.step());
        return reading_.wanted_flat_trees();
    }
    Status for_each(const std::function<Status(const SnapshotRecord&)>& visit) override {
        TRY(plan_.step());
        return reading_.for_each(visit);
    }
    Result<SnapshotId> last_id() override {
        TRY(plan_.step());
        return reading_.last_id();
    }
    Status check_commit(const CommitRequest& request) override {
        TRY(plan_.step());
        return reading_.check_commit(request);
    }
    Result<SnapshotRecord> create(const NewSnapshot& snapshot) override {
        TRY(plan_.step());
        return writing_->create(snapshot);
    }
    Status commit(const CommitRequest& request) override {
        TRY(plan_.step());
        return writing_->commit(request);
    }
    Status remove(const std::string& key) override {
        TRY(plan_.step());
        return writing_->remove(key);
    }
    Status set_labels(const std::string& key, const Labels& labels, Timestamp now) override {
        TRY(plan_.step());
        return writing_->set_labels(key, labels, now);
    }
    Status want_flat_tree(SnapshotId id) override {
        TRY(plan_.step());
        return writing_->want_flat_tree(id);
    }
    Status finish_flat_tree(SnapshotId id, std::optional<SnapshotId> base) override {
        TRY(plan_.step());
        return writing_->finish_flat_tree(id, base);
    }
    Status forget_flat_tree(SnapshotId id) override {
        TRY(plan_.step());
        return writing_->forget_flat_tree(id);
    }
    void on_rollback(std::function<void()> undo) override {
        writing_->on_rollback(std::move(undo));
    }
    void sync_before_commit(int directory) override { writing_->sync_before_commit(directory); }

  private:
    ReadTransaction& reading_;
    WriteTransaction* writing_; // null while reading
    FaultPlan& plan_;
};

class FailingStore final : public MetadataStore {
  public:
    FailingStore(std::unique_ptr<MetadataStore> store, FaultPlan& plan)
        : store_(std::move(store)), plan_(plan) {}

    Status read(const std::function<Status(ReadTransaction&)>& work) override {
        TRY(plan_.step());
        return store_->read([&](ReadTransaction& transaction) {
            FailingTransaction failing(transaction, nullptr, plan_);
            return work(failing);
        });
    }
    // Fails before the work, within it, or at the commit: what was done is then rolled back.
    Status write(const std::function<Status(WriteTransaction&)>& work) override {
        TRY(plan_.step());
        return store_->write([&](WriteTransaction& transaction) -> Status {
            FailingTransaction failing(transaction, &transaction, plan_);
            if (auto done = work(failing); !done) {
                return done;
            }
            return plan_.step();
        });
    }

  private:
    std::unique_ptr<MetadataStore> store_;
    FaultPlan& plan_;
};

} // namespace lamina::test
