# SPDX-License-Identifier: Apache-2.0
"""threads beside io_uring, where the place of the blob and the device may decide who wins."""
import contextlib
import dataclasses
import shutil
from pathlib import Path

from lib.prerequisites import Missing, require_programs
from measure import filesystem, throttle
from measure.layer_contenders import Lamina

# Where the blob lies: in the page cache, on its disk, or on the target's, which is then a slow one.
CONDITIONS = ["warm", "cold", "throttled"]


@dataclasses.dataclass(frozen=True)
class Copied:
    """A layer whose blob lies elsewhere."""
    layer: object
    blob: Path

    def path(self, _form):
        return self.blob

    @property
    def name(self):
        return self.layer.name

    def digest(self, form):
        return self.layer.digest(form)


class Engines:
    def __init__(self, bench):
        self._bench, options = bench, bench.options
        names = options.layers or (["small-files"] if options.quick else ["npm", "binaries"])
        self._layers = [bench.corpus.layer(name) for name in names]
        self._form = options.forms[0]
        self._contenders = bench.wanted(
            [Lamina(bench.programs["laminactl"], engine, durability=durability)
             for durability in ("none", "layer") for engine in ("threads", "io_uring")])

    def run(self):
        places = [(kind, condition) for kind in self._bench.options.filesystems
                  for condition in self._bench.options.conditions if possible(kind, condition)]
        for _ in range(self._bench.options.runs):
            for kind, condition in places:
                for layer in self._layers:
                    for contender in self._contenders:
                        if kind != "tmpfs" or contender.durability == "none":
                            self._measure(kind, condition, layer, contender)

    def _measure(self, kind, condition, layer, contender):
        with self._bench.fresh(kind) as mount_point:
            target = mount_point / "target"
            target.mkdir()
            with laid(layer, self._form, condition, mount_point) as there:
                cost = contender.run(there, self._form, target)
        self._bench.results.add(
            "engine", layer.name, self._form, contender.name, cost, filesystem=kind,
            condition=condition, engine=contender.engine, durability=contender.durability)


def possible(kind, condition):
    """Says what is left out, and why."""
    try:
        filesystem.require(kind)
        if condition != "warm":
            require_programs("fincore")
        if condition == "throttled":
            if kind == "tmpfs":
                raise Missing("a device, tmpfs has none")
            throttle.require()
        return True
    except Missing as missing:
        print(f"left out: {kind}, {condition}: {missing}")
        return False


@contextlib.contextmanager
def laid(layer, form, condition, mount_point):
    """Yields the layer with its blob where the condition wants it."""
    if condition != "throttled":
        {"warm": filesystem.warm, "cold": filesystem.cool}[condition](layer.path(form))
        yield layer
        return
    blob = mount_point / "blob"
    shutil.copyfile(layer.path(form), blob)
    filesystem.cool(blob)
    with throttle.throttled(filesystem.device_of(mount_point)):
        yield Copied(layer, blob)
