// SPDX-License-Identifier: Apache-2.0
// A flat tree that is not finished: the process is killed, or the filesystem refuses.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/loop_filesystem.h"
#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/squash_fixture.h"
#include "tests/snapshotter/core/system_calls.h"

namespace lamina {
namespace {

using testing::ElementsAre;

constexpr int kDirectories = 12; // of each layer

test::Tree wide_layer(int number) {
    test::Tree tree;
    for (int i = 0; i < kDirectories; ++i) {
        const std::string name = fmt::format("d{}", i);
        tree.push_back(test::dir(name).owner(number, i));
        if (i % 4 == 0 && number > 1) {
            tree.back().xattr("trusted.overlay.opaque", "y");
        }
        tree.push_back(test::file(fmt::format("{}/of{}", name, number), name));
        tree.push_back(test::dir(fmt::format("{}/sub{}", name, number)));
    }
    return tree;
}

class FlatCrash : public test::SquashTest {
  protected:
    void SetUp() override {
        SquashTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        reopen_with({});
        add_layer("1", "", wide_layer(1));
        add_layer("2", "1", wide_layer(2));
        options_.squash = test::kSquashAll;
    }
    void TearDown() override { test::stop_failing(); }

    // The upper directory is ready to be committed as "3"; nothing is open.
    void prepare_third() {
        const auto upper = upper_of(prepare("key", "2"));
        test::make_tree(upper, wide_layer(3));
        ids_["3"] = std::stoi(upper.substr((options_.root + "/snapshots/").size()));
        last_id_ = ids_["3"];
        parents_["3"] = "2";
        snapshotter_.reset();
    }
    static std::string upper_of(const Mounts& mounts) {
        for (const auto& option : mounts.front().options) {
            if (option.starts_with("upperdir=")) {
                return option.substr(std::string("upperdir=").size());
            }
        }
        return {};
    }

    // Commits it and looks at it in a process that is killed before its n-th call, if it calls so
    // often; returns whether it was.
    bool commit_and_die(int n) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto snapshotter = test::open_snapshotter(options_);
            if (!snapshotter) {
                ::_exit(1);
            }
            test::kill_at_call(n);
            const bool done =
                (*snapshotter)->commit("3", "key", {}, "") && (*snapshotter)->view("last", "3", {});
            ::_exit(done ? 0 : 2);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the child failed";
        return WIFSIGNALED(status);
    }

    void check_third() {
        ASSERT_EQ(seen_manifest("3"), raw_manifest("3"));
        EXPECT_THAT(seen("3"), ElementsAre(flat("3"))); // taken up again, if it was not finished
        reopen();
        EXPECT_THAT(seen("3"), ElementsAre(flat("3")));
    }
    void expect_nothing_left() {
        EXPECT_TRUE(test::eventually([&] {
            return test::count_entries(options_.root + "/staging") == 0 &&
                   test::count_entries(options_.root + "/trash") == 0;
        }));
    }
    // As before prepare_third().
    void remove_third() {
        (void)snapshotter_->remove("last");
        (void)snapshotter_->remove("3");
        (void)snapshotter_->remove("key");
        expect_nothing_left();
        EXPECT_EQ(test::count_entries(options_.root + "/snapshots"), 3); // and "empty"
    }
};

TEST_F(FlatCrash, KilledAtAnyCallItLeavesAChainThatShowsTheSame) {
    int n = 1;
    for (bool was_killed = true; was_killed; n += LAMINA_KILL_STEP) {
        reopen();
        prepare_third();
        was_killed = commit_and_die(n);
        reopen();
        if (snapshotter_->stat("3")) {
            ASSERT_NO_FATAL_FAILURE(check_third()) << "killed at call " << n;
        } else {
            EXPECT_TRUE(snapshotter_->stat("key"));
        }
        ASSERT_NO_FATAL_FAILURE(remove_third()) << "killed at call " << n;
    }
    EXPECT_GE(n, 200);
}

TEST_F(FlatCrash, FullDiskAtAnyCallOfTheTreeLeavesTheLayers) {
    int n = 1;
    for (bool has_failed = true; has_failed; n += LAMINA_KILL_STEP) {
        reopen();
        prepare_third();
        reopen();
        test::fail_at_call(n, ENOSPC);
        EXPECT_TRUE(snapshotter_->commit("3", "key", {}, ""));
        const auto trees = seen("3");
        has_failed = test::stop_failing();
        EXPECT_EQ(trees.size(), has_failed ? 3U : 1U) << "failed at call " << n;
        ASSERT_EQ(show(trees), raw_manifest("3")) << "failed at call " << n;
        ASSERT_NO_FATAL_FAILURE(remove_third());
    }
    EXPECT_GE(n, 50);
}

class FlatTreeLinks : public FlatCrash, public testing::WithParamInterface<int> {};

TEST_P(FlatTreeLinks, AreCopiesWhereTheFilesystemRefusesThem) {
    reopen();
    prepare_third();
    reopen();
    test::fail_each_link(GetParam());
    EXPECT_TRUE(snapshotter_->commit("3", "key", {}, ""));
    EXPECT_THAT(seen("3"), ElementsAre(flat("3")));
    EXPECT_TRUE(test::stop_failing());
    EXPECT_EQ(seen_manifest("3"), raw_manifest("3"));
    EXPECT_EQ(std::filesystem::hard_link_count(flat("3") + "/d1/of3"), 1U);
}

INSTANTIATE_TEST_SUITE_P(Refused, FlatTreeLinks, testing::Values(EMLINK, EXDEV, EPERM));

// A real filesystem, of 512 MiB.
class FlatTreeOnASmallDisk : public testing::Test {
  protected:
    void SetUp() override {
        if (!test::is_root()) {
            GTEST_SKIP() << "needs root";
        }
        if (const auto refused = test::enter_private_mounts(); !refused.empty()) {
            GTEST_SKIP() << "needs a mount namespace: " << refused;
        }
        disk_.emplace("ext4");
        if (!disk_->missing().empty()) {
            GTEST_SKIP() << "needs " << disk_->missing();
        }
    }

    // How a chain of two layers of 60 MiB is mounted.
    std::vector<std::string> seen(LeafSource backend) {
        OverlayOptions options;
        options.root = disk_->path() + "/root";
        options.squash = test::kSquashAll;
        options.squash.backend = backend;
        const auto snapshotter = test::open_snapshotter(options);
        EXPECT_TRUE(snapshotter) << snapshotter.error().message;
        std::string parent;
        for (const char* name : {"1", "2"}) {
            EXPECT_TRUE((*snapshotter)->prepare("key", parent, {}));
            test::write_file(options.root + "/snapshots/" + name + "/fs/" + name,
                             std::string(size_t{60} << 20, 'x'));
            EXPECT_TRUE((*snapshotter)->commit(name, "key", {}, ""));
            parent = name;
        }
        const auto view = (*snapshotter)->view("view", "2", {});
        EXPECT_TRUE(view) << view.error().message;
        EXPECT_EQ(test::count_entries(options.root + "/staging"), 0);
        return test::lowers_of(view.value_or(Mounts{}));
    }

    std::optional<test::LoopFilesystem> disk_;
};

TEST_F(FlatTreeOnASmallDisk, IsMadeWhereItTakesLittle) {
    EXPECT_THAT(seen(LeafSource::hard_link), ElementsAre(disk_->path() + "/root/snapshots/2/flat"));
}

TEST_F(FlatTreeOnASmallDisk, IsNotMadeWhereOthersWouldLackTheSpace) {
    EXPECT_THAT(seen(LeafSource::copy), ElementsAre(disk_->path() + "/root/snapshots/2/fs",
                                                    disk_->path() + "/root/snapshots/1/fs"));
}

} // namespace
} // namespace lamina
