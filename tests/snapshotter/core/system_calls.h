// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lamina::test {

// The C library's functions that change a filesystem, but for deletion, come by here first in a
// program that links this: those of the library under test, and SQLite's. One test at a time.

// SIGKILL before the n-th of them from now on, whatever thread calls; 1 is the next.
void kill_at_call(int n);

// From now on, the n-th of linkat(), mkdirat(), mknodat() and fsetxattr() that threads other
// than the first one call fails with `sys_errno`.
void fail_at_call(int n, int sys_errno);
// Each linkat() does.
void fail_each_link(int sys_errno);

// Neither of them. Returns whether a call has failed.
bool stop_failing();

} // namespace lamina::test
