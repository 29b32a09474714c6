// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

size_t count_entries(const char* directory) {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                             std::filesystem::directory_iterator()));
}

} // namespace

size_t count_descriptors() {
    return count_entries("/proc/self/fd") - 1; // the listing's own
}

size_t count_threads() {
    // ThreadSanitizer adds a thread of its own when a program starts its first one.
    static const bool started = (std::thread([] {}).join(), true);
    return started ? count_entries("/proc/self/task") : 0;
}

bool threads_become(size_t expected) {
    for (int i = 0; i < 1000 && count_threads() != expected; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return count_threads() == expected;
}

int run(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execvp(argv.front(), argv.data());
        _exit(127);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "");
    for (std::string directory; std::getline(directories, directory, ':');) {
        if (access(fmt::format("{}/{}", directory, name).c_str(), X_OK) == 0) {
            return true;
        }
    }
    return false;
}

bool is_root() {
    return geteuid() == 0;
}

} // namespace lamina::test
