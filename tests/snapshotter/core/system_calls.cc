// SPDX-License-Identifier: Apache-2.0
#include "tests/snapshotter/core/system_calls.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace lamina::test {
namespace {

std::atomic<int> until_kill{0}; // 0: none
std::atomic<int> until_failure{0};
std::atomic<int> failure{0};
std::atomic<int> link_failure{0};
std::atomic<bool> has_failed{false};

template <class... Arguments>
long call(long number, Arguments... arguments) {
    if (until_kill > 0 && --until_kill == 0) {
        ::kill(::getpid(), SIGKILL);
    }
    return ::syscall(number, arguments...);
}

bool fails(int sys_errno) {
    has_failed = true;
    errno = sys_errno;
    return true;
}

template <class... Arguments>
long call_or_fail(long number, Arguments... arguments) {
    const bool is_first_thread = ::syscall(SYS_gettid) == ::getpid();
    if (!is_first_thread && until_failure > 0 && --until_failure == 0 && fails(failure)) {
        return -1;
    }
    return call(number, arguments...);
}

} // namespace

void kill_at_call(int n) {
    until_kill = n;
}

void fail_at_call(int n, int sys_errno) {
    failure = sys_errno;
    until_failure = n;
}

void fail_each_link(int sys_errno) {
    link_failure = sys_errno;
}

bool stop_failing() {
    until_failure = 0;
    link_failure = 0;
    return has_failed.exchange(false);
}

} // namespace lamina::test

// The dynamic linker takes a program's own definitions before those of its libraries.
using lamina::test::call;
using lamina::test::call_or_fail;

extern "C" {
int linkat(int from, const char* name, int to, const char* link, int flags) noexcept {
    if (lamina::test::link_failure != 0 && lamina::test::fails(lamina::test::link_failure)) {
        return -1;
    }
    return static_cast<int>(call_or_fail(SYS_linkat, from, name, to, link, flags));
}
int mkdirat(int directory, const char* name, mode_t mode) noexcept {
    return static_cast<int>(call_or_fail(SYS_mkdirat, directory, name, mode));
}
int mknodat(int directory, const char* name, mode_t mode, dev_t device) noexcept {
    return static_cast<int>(call_or_fail(SYS_mknodat, directory, name, mode, device));
}
int fsetxattr(int fd, const char* name, const void* value, size_t size, int flags) noexcept {
    return static_cast<int>(call_or_fail(SYS_fsetxattr, fd, name, value, size, flags));
}
int fchown(int fd, uid_t owner, gid_t group) noexcept {
    return static_cast<int>(call(SYS_fchown, fd, owner, group));
}
int fchmod(int fd, mode_t mode) noexcept {
    return static_cast<int>(call(SYS_fchmod, fd, mode));
}
int futimens(int fd, const timespec times[2]) noexcept {
    return static_cast<int>(call(SYS_utimensat, fd, nullptr, times, 0));
}
int symlinkat(const char* target, int directory, const char* name) noexcept {
    return static_cast<int>(call(SYS_symlinkat, target, directory, name));
}
int renameat(int from, const char* name, int to, const char* new_name) noexcept {
    return static_cast<int>(call(SYS_renameat2, from, name, to, new_name, 0));
}
int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) noexcept {
    return static_cast<int>(call(SYS_renameat2, from, name, to, new_name, flags));
}
int syncfs(int fd) noexcept {
    return static_cast<int>(call(SYS_syncfs, fd));
}
int fsync(int fd) {
    return static_cast<int>(call(SYS_fsync, fd));
}
int fdatasync(int fd) {
    return static_cast<int>(call(SYS_fdatasync, fd));
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
    return call(SYS_pwrite64, fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
    return call(SYS_pwrite64, fd, bytes, size, offset);
}
}
