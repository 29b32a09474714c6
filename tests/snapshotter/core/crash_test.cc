// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/snapshotter/core/eventually.h"
#include "tests/snapshotter/core/snapshotter_fixture.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

constexpr int kCrashes = 30;

// Writes what the snapshotter acknowledged to a pipe, one line each, until it is killed.
[[noreturn]] void live_until_killed(const OverlayOptions& options, int acknowledged, int round) {
    auto snapshotter = test::open_snapshotter(options);
    if (!snapshotter) {
        ::_exit(1);
    }
    for (int i = 0;; ++i) {
        const std::string name = std::to_string(round) + "." + std::to_string(i);
        const auto say = [&](const char* what) {
            const std::string line = what + name + "\n";
            if (::write(acknowledged, line.data(), line.size()) < 0) {
                ::_exit(1);
            }
        };
        const auto mounts = (*snapshotter)->prepare("k" + name, "", {});
        if (!mounts) {
            ::_exit(1);
        }
        test::write_file(mounts->front().source + "/file", name);
        if (!(*snapshotter)->commit("n" + name, "k" + name, {}, "")) {
            ::_exit(1);
        }
        say("+");
        if (i % 3 == 0) {
            say("?"); // from here on it may be gone
            if (!(*snapshotter)->remove("n" + name)) {
                ::_exit(1);
            }
            say("-");
        }
    }
}

class Crash : public test::SnapshotterTest {
  protected:
    struct Acknowledged {
        std::set<std::string> there;
        std::set<std::string> gone;
    };

    // Runs a child, kills it after it acknowledged `lines` lines and a little, and returns them.
    std::string run_and_kill(int round, size_t lines, std::chrono::microseconds extra) {
        int pipe_ends[2];
        EXPECT_EQ(::pipe(pipe_ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(pipe_ends[0]);
            live_until_killed(options_, pipe_ends[1], round);
        }
        ::close(pipe_ends[1]);
        const Fd reading(pipe_ends[0]);
        std::string text = read_lines(reading.get(), lines);
        std::this_thread::sleep_for(extra); // chance decides where the kill strikes
        ::kill(child, SIGKILL);
        text += read_lines(reading.get(), SIZE_MAX);
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
        return text;
    }

    static std::string read_lines(int fd, size_t lines) {
        std::string text;
        char letter = 0;
        while (lines > 0 && ::read(fd, &letter, 1) == 1) {
            text += letter;
            lines -= letter == '\n' ? 1 : 0;
        }
        return text;
    }

    void note(const std::string& text) {
        for (size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
             begin = end + 1) {
            const std::string name = "n" + text.substr(begin + 1, end - begin - 1);
            if (text[begin] == '+') {
                acknowledged_.there.insert(name);
            } else if (text[begin] == '?') {
                acknowledged_.there.erase(name);
            } else {
                acknowledged_.gone.insert(name);
            }
        }
    }

    void check_after_restart() {
        reopen();
        long snapshots = 0;
        std::set<std::string> names;
        ASSERT_TRUE(snapshotter_->walk({}, [&](const Info& info) -> Status {
            ++snapshots;
            names.insert(info.name);
            EXPECT_TRUE(snapshotter_->usage(info.name)) << info.name;
            return {};
        }));
        for (const auto& name : acknowledged_.there) {
            EXPECT_TRUE(names.contains(name)) << name << " was acknowledged and is lost";
        }
        for (const auto& name : acknowledged_.gone) {
            EXPECT_FALSE(names.contains(name)) << name << " was removed and is back";
        }
        EXPECT_EQ(test::count_entries(options_.root + "/snapshots"), snapshots + 1);
        EXPECT_EQ(test::count_entries(options_.root + "/staging"), 0);
        EXPECT_TRUE(
            test::eventually([&] { return test::count_entries(options_.root + "/trash") == 0; }));
        snapshotter_.reset();
    }

    Acknowledged acknowledged_;
};

TEST_F(Crash, KilledAtAnyMomentItLosesNothingAndLeavesNothing) {
    snapshotter_.reset();          // the children open the root; no thread may be alive at a fork
    std::mt19937 random(20240229); // the same numbers each time; the moments differ anyway
    for (int round = 0; round < kCrashes; ++round) {
        note(run_and_kill(round, 1 + random() % 8, std::chrono::microseconds(random() % 3000)));
        ASSERT_NO_FATAL_FAILURE(check_after_restart()) << "round " << round;
    }
    EXPECT_GE(acknowledged_.there.size(), 1U);
}

} // namespace
} // namespace lamina
