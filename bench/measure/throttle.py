# SPDX-License-Identifier: Apache-2.0
"""Makes one block device as slow as a small disk of a cloud."""
import contextlib
from pathlib import Path

from lib.prerequisites import require_file

# What the general purpose disks of a large cloud have unless more is paid for.
BYTES_PER_SECOND, CALLS_PER_SECOND = 125_000_000, 3000

# cgroup v1. Its root group is what writeback belongs to there, so a limit on it holds for all that
# goes to the device (blk-throttle.c). cgroup v2 has no limits on the root group.
ROOT = Path("/sys/fs/cgroup/blkio")
LIMITS = {"read_bps": BYTES_PER_SECOND, "write_bps": BYTES_PER_SECOND,
          "read_iops": CALLS_PER_SECOND, "write_iops": CALLS_PER_SECOND}


def limit_file(name):
    return ROOT / f"blkio.throttle.{name}_device"


def require():
    for name in LIMITS:
        require_file(limit_file(name), "blkio of cgroup v1, CONFIG_BLK_DEV_THROTTLING")


@contextlib.contextmanager
def throttled(device):
    """`device` is (major, minor)."""
    try:
        for name, value in LIMITS.items():
            set_limit(name, device, value)
        yield
    finally:
        for name in LIMITS:
            set_limit(name, device, 0)  # none


def set_limit(name, device, value):
    limit_file(name).write_text("{}:{} {}".format(*device, value), encoding="ascii")
