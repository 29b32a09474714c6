# SPDX-License-Identifier: Apache-2.0
"""A filesystem that nothing was ever deleted from, for one run."""
import contextlib
import fcntl
import os
import struct

from lib.prerequisites import require_programs
from lib.process import eventually, run

# No work is left for later that would fall into a run: ext4 fills its tables at once.
MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
# FS_IOC_SHUTDOWN of ext4, xfs and others (fs/ext4/ext4.h): nothing is written any more.
GOING_DOWN, GOING_DOWN_AT_ONCE = 0x8004587D, 2

KINDS = [*MKFS, "tmpfs"]


def require(kind):
    if kind in MKFS:
        require_programs(MKFS[kind][0])


@contextlib.contextmanager
def fresh_filesystem(kind, directory, gigabytes):
    """Yields the mount point. What others left unwritten is written before."""
    mount_point, disk = directory / "mnt", directory / "disk"
    mount_point.mkdir(exist_ok=True)
    if kind == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", f"size={gigabytes}g", "bench", mount_point)
    else:
        with open(disk, "wb") as file:
            file.truncate(gigabytes << 30)
        run(*MKFS[kind], disk)
        mount_disk(disk, mount_point)
    try:
        os.sync()
        yield mount_point
    finally:
        forget_unwritten(mount_point)
        run("umount", mount_point)
        disk.unlink(missing_ok=True)


def mount_disk(disk, mount_point):
    """Direct, or all that is written would be copied once more, into the disk's own page cache."""
    device = run("losetup", "--find", "--show", "--direct-io=on", disk).strip()
    try:
        run("mount", device, mount_point)
    finally:
        run("losetup", "--detach", device)  # once it is unmounted


def forget_unwritten(mount_point):
    """What is thrown away need not be written before; not every filesystem can do without."""
    descriptor = os.open(mount_point, os.O_RDONLY)
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, GOING_DOWN, struct.pack("I", GOING_DOWN_AT_ONCE))
    os.close(descriptor)


def remount(kind, directory):
    """Leaves nothing in memory of what fresh_filesystem() made there; a tmpfs is nowhere else. What
    ran on it may be a moment from its end."""
    if kind != "tmpfs":
        mount_point, disk = directory / "mnt", directory / "disk"
        eventually(f"{mount_point} is free",
                   lambda: run("umount", mount_point, check=False).returncode == 0)
        mount_disk(disk, mount_point)


def warm(path):
    """Reads a file, so that it lies in the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def cool(path):
    """Takes a file out of the page cache, and nothing else, as dropping all caches would."""
    with open(path, "rb") as file:
        os.fsync(file)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    left = run("fincore", "--bytes", "--noheadings", "--output", "RES", path).strip()
    assert left == "0", f"{left} bytes of {path} stayed in the page cache"


def device_of(mount_point):
    """(major, minor) of the block device that is mounted there; btrfs shows another to stat(2)."""
    source = run("findmnt", "--noheadings", "--output", "SOURCE", mount_point).strip()
    number = os.stat(source).st_rdev
    return os.major(number), os.minor(number)
