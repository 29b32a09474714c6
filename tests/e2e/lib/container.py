# SPDX-License-Identifier: Apache-2.0
"""A container that runs in the background for as long as a `with` block."""
import re
from pathlib import Path

from lib.process import eventually

# Containers keep to the private folders too; the defaults would share /run between snapshotters.
PRIVATE = ("--runc-root", "/run/runc", "--fifo-dir", "/run/fifo")


def cgroup(containerd, name):
    return ("--cgroup", f"/{containerd.cgroup}/{name}")


def run_once(containerd, reference, snapshotter, *command, name="once"):
    """What the command printed in a new container, which is gone again afterwards."""
    return printed_by(containerd, "run", "--rm", "--snapshotter", snapshotter, *PRIVATE,
                      *cgroup(containerd, name), arguments=(reference, name, *command))


def printed_by(containerd, *options, arguments):
    """What a container's process printed, written to a file by the shim. ctr's own pipes lose the
    output of a process that ends before they are open, as happens on a busy machine: its Delete
    cancels them (containerd's client, task.go)."""
    output = containerd.directory / "printed"
    output.unlink(missing_ok=True)
    containerd.ctr(*options, "--log-uri", f"file://{output}", *arguments)
    return output.read_text(encoding="utf-8")


class Container:
    def __init__(self, containerd, reference, snapshotter, name):
        self._containerd, self.name = containerd, name
        containerd.ctr("run", "--detach", "--null-io", "--snapshotter", snapshotter, *PRIVATE,
                       *cgroup(containerd, name), reference, name, "/bin/sleep", "infinity")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def exec(self, command):
        return printed_by(self._containerd, "tasks", "exec", "--exec-id", "one",
                          arguments=(self.name, "/bin/sh", "-c", command))

    def pid(self):
        return next(row[1] for row in self._containerd.ctr_rows("tasks", "ls")
                    if row[0] == self.name)

    def root_mount(self):
        """The line of proc_pid_mountinfo(5) for the container's /."""
        with open(f"/proc/{self.pid()}/mountinfo", encoding="utf-8") as table:
            return next(line.strip() for line in table if line.split()[4] == "/")

    def upper_folder(self):
        return Path(re.search(r"upperdir=([^,\s]+)", self.root_mount()).group(1))

    def remove(self):
        self._containerd.ctr("tasks", "kill", "--signal", "KILL", self.name)
        eventually(f"{self.name} ended", self._stopped)
        self._containerd.ctr("tasks", "rm", self.name)
        self._containerd.ctr("containers", "rm", self.name)

    def _stopped(self):
        return any(row[0] == self.name and row[2] == "STOPPED"
                   for row in self._containerd.ctr_rows("tasks", "ls"))
