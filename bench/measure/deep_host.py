# SPDX-License-Identifier: Apache-2.0
"""Daemon and containerd on one fresh filesystem, started and stopped as often as it takes."""
import contextlib
import json
import os
import shutil

from lib.layers_on_disk import lower_directories
from lib.process import run
from measure.containerd import MeasuredContainerd
from measure.cost import DaemonCost
from measure.filesystem import remount
from measure.lamina import MeasuredLamina


class DeepHost:
    """`squash` are the keys of its [squash]. After pull(), `lowers` are the lower directories of
    the image's containers, named from `snapshots`."""

    def __init__(self, daemon, squash, filesystem, disk_directory, directory):
        self.directory, self._home = directory, directory / "containerd"
        self._filesystem, self._disk_directory = filesystem, disk_directory
        self._lamina = MeasuredLamina(daemon, directory / "lamina", self._home, squash=squash)
        self.snapshots, self.lowers = self._lamina.root / "snapshots", []

    @contextlib.contextmanager
    def running(self):
        with self._lamina:
            with MeasuredContainerd("2.3", self._home, "bench", self._lamina) as containerd:
                yield containerd

    def pull(self, reference, top):
        """Returns {"cpu": seconds of the daemon, "trees": what it says of each flat tree}."""
        with self.running() as containerd:
            cost = DaemonCost(self._lamina.pid)
            containerd.pull(reference, "lamina")
            (mount,) = json.loads(containerd.snapshot_command("lamina", "view", "--mounts", "look",
                                                              top))  # waits for the tree
            cpu = sum(cost.cpu())
        self.lowers = [os.path.relpath(lower, self.snapshots)
                       for lower in lower_directories(mount)]
        return {"cpu": cpu, "trees": self._lamina.flattened()}

    def forget(self):
        """Nothing of the filesystem stays in memory. Nothing runs on it."""
        remount(self._filesystem, self._disk_directory)

    def size_of_trees(self):
        """(bytes, inodes) that come free when the flat trees are removed; then they are gone."""
        run("sync", "--file-system", self.directory)
        before = os.statvfs(self.directory)
        for lower in self.lowers:
            if lower.endswith("/flat"):
                shutil.rmtree(self.snapshots / lower)
        self.forget()
        after = os.statvfs(self.directory)
        return (after.f_bfree - before.f_bfree) * before.f_frsize, after.f_ffree - before.f_ffree
