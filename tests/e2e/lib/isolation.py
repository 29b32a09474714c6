# SPDX-License-Identifier: Apache-2.0
"""Runs a case where it can leave nothing behind.

The case is process 1 of namespaces of its own for processes, mounts and network. It stops what it
started by process id and the check at its end proves that; should the case itself be killed, the
kernel ends every process and drops every mount and interface with the namespaces.
"""
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # netdevice(7)

PREFIX = "lamina-e2e-"
UNSHARE = ["setpriv", "--pdeathsig", "KILL",
           "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child=KILL", "--mount-proc",
           "--propagation", "private"]


def run_isolated(argv):
    """Runs argv plus a private folder in new namespaces and returns its exit code."""
    directory = private_folder()
    child = subprocess.Popen([*UNSHARE, *argv, str(directory)])
    try:
        return wait_despite_interrupt(child)
    finally:
        shutil.rmtree(directory)
        remove_cgroups(directory.name)


def private_folder():
    """Named after this process, so that those of killed ones are known and removed."""
    base = Path(os.environ.get("LAMINA_TEST_DIR", "/var/tmp"))  # some tmpfs cannot be an upperdir
    for folder in base.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX)
        if pid == str(os.getpid()) or not Path("/proc", pid).exists():
            with contextlib.suppress(FileNotFoundError):  # its owner ended just after doing so
                shutil.rmtree(folder)
            remove_cgroups(folder.name)
    directory = base / f"{PREFIX}{os.getpid()}"
    directory.mkdir(mode=0o700)
    return directory


def wait_despite_interrupt(child):
    """The case gets the terminal's ctrl-C as well, and tidies up; that is waited for."""
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def remove_cgroups(name):
    """runc removes a container's cgroup but not those above it, the first named like the folder."""
    for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")):
        for group in reversed([*(hierarchy / name).glob("**/")]):
            group.rmdir()


def settle_in(directory):
    """First thing inside: own /run (shims keep sockets there), loopback up, SIGTERM tidies up."""
    os.environ["TMPDIR"] = str(directory)
    mount("tmpfs", "/run", "tmpfs")
    raise_loopback()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def mount(source, target, kind, options=None):
    """Without a program that would do it, which takes longer than the call."""
    libc = ctypes.CDLL(None, use_errno=True)
    data = options and options.encode()
    if libc.mount(source.encode(), os.fsencode(target), kind.encode(), 0, data) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind} on {target}")


def unmount(target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(target), 0) != 0:
        raise OSError(ctypes.get_errno(), f"umount {target}")


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def mount_points():
    """(mount id, mount point) of everything mounted here, proc_pid_mountinfo(5)."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return {(fields[0], fields[4]) for fields in map(str.split, table)}


def expect_nothing_left(mounts_before):
    """The last check of all, after everything was stopped one by one."""
    left = other_processes() + sorted(mount_points() - mounts_before)
    assert not left, f"left behind: {left}"


def other_processes():
    """What still runs here beside process 1; orphans that ended are reaped first."""
    reap_orphans()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if pid != "1":
            found.append(f"{pid} {Path('/proc', pid, 'cmdline').read_bytes()!r}")
    return found


def reap_orphans():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
