# SPDX-License-Identifier: Apache-2.0
"""A filesystem that nothing was ever deleted from, for one run."""
import contextlib
import os

from lib.prerequisites import require_programs
from lib.process import run

# No work is left for later that would fall into a run: ext4 fills its tables at once.
MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
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
        run("mount", "-o", "loop", disk, mount_point)
    try:
        os.sync()
        yield mount_point
    finally:
        run("umount", mount_point)
        disk.unlink(missing_ok=True)


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
