// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/failing_store.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"

namespace lamina {
namespace {

// Lets each operation on the store that a call needs fail in turn, until the call succeeds.
class FaultInjection : public test::SnapshotterTest {
  protected:
    void SetUp() override {
        SnapshotterTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        snapshotter_.reset();
        auto store = SqliteStore::open(options_.root);
        ASSERT_TRUE(store);
        auto opened = OverlaySnapshotter::open(
            options_, std::make_unique<test::FailingStore>(*std::move(store), plan_));
        ASSERT_TRUE(opened);
        snapshotter_ = *std::move(opened);
        (void)prepare("a");
        commit("base", "a");
    }
    void TearDown() override { snapshotter_.reset(); }

    // Returns how many failures `call` survived.
    int fail_each_operation(const std::function<Status()>& call) {
        const std::string before = visible();
        for (int n = 1;; ++n) {
            const size_t descriptors = test::count_descriptors();
            plan_.operations = 0;
            plan_.failing = n;
            const auto done = call();
            plan_.failing = 0;
            if (done) {
                return n - 1;
            }
            EXPECT_EQ(test::count_descriptors(), descriptors) << "at operation " << n;
            EXPECT_EQ(done.error().message, "injected") << "at operation " << n;
            EXPECT_EQ(visible(), before) << "half a call stayed visible, operation " << n;
            expect_no_strays();
        }
    }

    // All snapshots and directories of snapshots.
    std::string visible() {
        std::string text;
        EXPECT_TRUE(snapshotter_->walk({}, [&](const Info& info) -> Status {
            text +=
                info.name + "<-" + info.parent + " " + std::to_string(static_cast<int>(info.kind));
            for (const auto& [key, value] : info.labels) {
                text += " " + key + "=" + value;
            }
            text += "\n";
            return {};
        }));
        std::vector<std::string> names;
        for (const auto& entry :
             std::filesystem::directory_iterator(options_.root + "/snapshots")) {
            names.push_back(entry.path().filename());
        }
        std::sort(names.begin(), names.end());
        for (const auto& name : names) {
            text += name + "\n";
        }
        return text;
    }

    void expect_no_strays() {
        EXPECT_TRUE(snapshotter_->cleanup());
        EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
        EXPECT_TRUE(
            test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
    }

    test::FaultPlan plan_;
};

TEST_F(FaultInjection, PrepareIsAllOrNothing) {
    const int survived = fail_each_operation([&]() -> Status {
        TRY(snapshotter_->prepare("k", "base", {{"l", "v"}}));
        return {};
    });
    EXPECT_GE(survived, 4); // start, create, lowers, commit
    EXPECT_TRUE(test::exists(fs(2)));
}

TEST_F(FaultInjection, CommitIsAllOrNothing) {
    (void)prepare("k", "base");
    const int survived =
        fail_each_operation([&] { return snapshotter_->commit("name", "k", {{"l", "v"}}, ""); });
    EXPECT_GE(survived, 4);
    EXPECT_EQ(snapshotter_->stat("name")->kind, Kind::committed);
}

TEST_F(FaultInjection, RemoveIsAllOrNothing) {
    (void)prepare("k", "base");
    EXPECT_GE(fail_each_operation([&] { return snapshotter_->remove("k"); }), 4);
    EXPECT_FALSE(test::exists(fs(2)));
}

TEST_F(FaultInjection, UpdateIsAllOrNothing) {
    Info info;
    info.name = "base";
    info.labels = {{"l", "v"}};
    const int survived = fail_each_operation([&]() -> Status {
        TRY(snapshotter_->update(info, {}));
        return {};
    });
    EXPECT_GE(survived, 4);
}

TEST_F(FaultInjection, HoldIsReleasedWhenItCannotBeGiven) {
    const Mounts mounts = prepare("k", "base");
    const auto refused = [&](int n) {
        plan_.operations = 0;
        plan_.failing = n;
        const auto held = snapshotter_->hold_for_apply(mounts);
        plan_.failing = 0;
        EXPECT_TRUE(held || held.error().code == ErrorCode::unavailable) << held.error().message;
        return !held;
    };
    int survived = 0;
    while (refused(survived + 1)) {
        ++survived;
    }
    EXPECT_GE(survived, 3);
    EXPECT_TRUE(snapshotter_->hold_for_apply(mounts));
}

} // namespace
} // namespace lamina
