# SPDX-License-Identifier: Apache-2.0
"""What a program or a daemon costs: wall seconds, processor seconds, peak of resident memory."""
import dataclasses
import os
import subprocess
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Cost:
    wall: float
    cpu: float
    rss: int  # bytes, the largest process


def run_measured(argv, **options):
    """Runs a program to its end. Returns (what it printed, Cost)."""
    start = time.monotonic()
    with subprocess.Popen([str(arg) for arg in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options) as child:
        peak = PeakMemory(child.pid)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(child.stderr.read()))
        reader.start()
        printed = child.stdout.read()
        reader.join()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        peak.stop()
    if child.returncode != 0:
        raise AssertionError(f"{argv} ended with {child.returncode}:\n{printed}{errors[0]}")
    return printed, Cost(wall, used.ru_utime + used.ru_stime, peak.rss)


class PeakMemory(threading.Thread):
    """Looks at the high-water mark of a process and its children until they end.

    wait4(2) would tell it as well, but it counts what the parent had before the program began.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.rss, self._pid, self._end = 0, pid, threading.Event()
        self.start()

    def run(self):
        while not self._end.wait(0.02):
            for pid in [self._pid, *children(self._pid)]:
                self.rss = max(self.rss, peak_rss(pid))

    def stop(self):
        self._end.set()
        self.join()


def children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []


def peak_rss(pid):
    """Bytes; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines()
                 if line.startswith("VmHWM")), 0)


class DaemonCost:
    """What a running process, and what it starts and awaits, costs from now on (proc(5))."""

    def __init__(self, pid):
        self.pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
        self._own, self._awaited = self._cpu()

    def _cpu(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        user, system, child_user, child_system = map(int, fields.split()[11:15])
        return (user + system) / TICKS, (child_user + child_system) / TICKS

    def cpu(self):
        """(its own, that of programs it started)"""
        own, awaited = self._cpu()
        return own - self._own, awaited - self._awaited

    def rss(self):
        return peak_rss(self.pid)
