// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/manifest.h"
#include "tests/support/temp_dir.h"
#include "unpacker/layer/engine_choice.h"

namespace lamina {
namespace {

using test::TempDir;

// What a container runtime's seccomp profile does: io_uring_setup fails with EPERM.
void forbid_io_uring() {
    std::array filter{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{filter.size(), filter.data()};
    ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// Runs `body` in a process of its own, which is true when it held.
template <class Body>
bool holds_in_child(const Body& body) {
    const pid_t child = fork();
    if (child == 0) {
        _exit(body() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(EngineChoice, AutomaticMeasuresBothAndLeavesNothing) {
    const TempDir directory;
    const auto choice = choose_engine(EngineWish::automatic, directory.path());
    if (!choice.unavailable.empty()) {
        GTEST_SKIP() << "needs io_uring: " << choice.unavailable;
    }
    EXPECT_GT(choice.threads_microseconds.value_or(0), 0);
    EXPECT_GT(choice.io_uring_microseconds.value_or(0), 0);
    EXPECT_EQ(test::manifest(directory.path(), test::ManifestTimes::none).find('\n') + 1,
              test::manifest(directory.path(), test::ManifestTimes::none).size());
}

TEST(EngineChoice, WithoutIoUringThreadsAreUsedAndTheReasonIsKept) {
    for (const EngineWish wish : {EngineWish::automatic, EngineWish::io_uring}) {
        EXPECT_TRUE(holds_in_child([wish] {
            const TempDir directory;
            forbid_io_uring();
            const auto choice = choose_engine(wish, directory.path());
            return choice.kind == EngineKind::threads &&
                   choice.unavailable.find("seccomp") != std::string::npos;
        })) << name_of(wish);
    }
}

TEST(EngineChoice, ThreadsAreTakenWithoutAnyTrial) {
    const auto choice = choose_engine(EngineWish::threads, "/nonexistent");
    EXPECT_EQ(choice.kind, EngineKind::threads);
    EXPECT_TRUE(choice.unavailable.empty());
}

TEST(EngineChoice, WhereNothingCanBeTriedThreadsAreUsed) {
    const auto choice = choose_engine(EngineWish::automatic, "/nonexistent");
    EXPECT_EQ(choice.kind, EngineKind::threads);
    EXPECT_NE(choice.unavailable.find("/nonexistent"), std::string::npos);
}

TEST(EngineChoice, NamesReadBack) {
    for (const EngineWish wish :
         {EngineWish::automatic, EngineWish::threads, EngineWish::io_uring}) {
        EXPECT_EQ(parse_engine_wish(name_of(wish)), wish);
    }
    EXPECT_FALSE(parse_engine_wish("uring"));
}

} // namespace
} // namespace lamina
