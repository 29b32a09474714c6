# SPDX-License-Identifier: Apache-2.0
"""What has to stand beside every figure."""
import os
import platform
import re
from pathlib import Path

from lib.process import run

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def describe_machine():
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    cpu = re.search(r"model name\s*: (.*)", processors)
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(), "cores": len(os.sched_getaffinity(0)),
        # x86 and arm64; without it SHA-256 takes three to four times as long
        "sha256": "hardware" if re.search(r"\bsha_ni\b|\bsha2\b", processors) else "software",
        "memory_gib": round(int(memory.group(1)) / (1 << 20)), "kernel": platform.release(),
        "load": os.getloadavg()[0], "commit": commit(),
    }


def commit():
    """Of the checkout; "-dirty" where files differ from it."""
    done = run("git", "-C", REPOSITORY, "describe", "--always", "--dirty", "--abbrev=12",
               check=False)
    return done.stdout.strip() or "unknown"
