# SPDX-License-Identifier: Apache-2.0
"""Ways to unpack a whole image whose blobs are in containerd's content store already."""
import contextlib
import dataclasses

from measure.containerd import MeasuredContainerd
from measure.cost import Cost, DaemonCost, run_measured
from measure.lamina import MeasuredLamina
from measure.seed import NAMESPACE


@dataclasses.dataclass(frozen=True)
class ImageContender:
    name: str
    version: str = "2.3"
    snapshotter: str = "overlayfs"
    decoder: str | None = None  # the program that inflates gzip
    parallel: bool = False  # layers at the same time, which only a pull does (transfer service)

    def applies_to(self, compression):
        return self.decoder is None or compression == "gzip" or self.parallel

    def title(self, compression):
        """zstd is always decoded by Go."""
        return self.name if compression == "gzip" else self.name.replace(", igzip", "")


CONTENDERS = [
    ImageContender("lamina", snapshotter="lamina"),
    ImageContender("containerd 2.3"),
    ImageContender("containerd 2.3, unpigz", decoder="unpigz"),
    ImageContender("containerd 2.3, igzip", decoder="igzip"),
    ImageContender("containerd 2.3, igzip, 4 in parallel", decoder="igzip", parallel=True),
    ImageContender("containerd 1.7", version="1.7"),
]


class ImageRun:
    """One contender's run in a folder on a fresh filesystem."""

    def __init__(self, contender, seed, daemon):
        self._contender, self._seed, self._daemon = contender, seed, daemon

    def run(self, compression, directory):
        contender, home = self._contender, directory / "containerd"
        with contextlib.ExitStack() as running:
            running.enter_context(self._seed.lent_to(contender.version, home))
            lamina = None
            if contender.snapshotter == "lamina":
                lamina = running.enter_context(
                    MeasuredLamina(self._daemon, directory / "lamina", home))
            containerd = running.enter_context(MeasuredContainerd(
                contender.version, home, NAMESPACE, lamina, contender.decoder, contender.parallel))
            return self._unpack(containerd, lamina, compression)

    def _unpack(self, containerd, lamina, compression):
        daemons = {"containerd": DaemonCost(containerd.pid)}
        if lamina:
            daemons["lamina"] = DaemonCost(lamina.pid)
        before = len(containerd.snapshots(self._contender.snapshotter))
        _, client = run_measured(containerd.ctr_command(*self._command(compression)))
        self._check(containerd, before, compression)
        used = {name: sum(daemon.cpu()) for name, daemon in daemons.items()}
        unpacker = daemons["lamina" if lamina else "containerd"]
        self._check_decoder(daemons["containerd"].cpu()[1], compression)
        return Cost(client.wall, client.cpu + sum(used.values()), unpacker.rss())

    def _command(self, compression):
        snapshotter = ("--snapshotter", self._contender.snapshotter)
        if self._contender.parallel:  # what is there is not fetched again
            return ("images", "pull", "--plain-http", *snapshotter,
                    self._seed.references[compression])
        return "snapshots", "unpack", *snapshotter, self._seed.manifests[compression]

    def _check(self, containerd, before, compression):
        made = len(containerd.snapshots(self._contender.snapshotter)) - before
        wanted = self._seed.layer_count
        assert made == wanted, f"{self._contender.name}, {compression}: {made} of {wanted} layers"

    def _check_decoder(self, cpu_of_children, compression):
        """Whether what inflated was what the contender's name says."""
        expected = self._contender.decoder is not None and compression == "gzip"
        assert expected == (cpu_of_children > 0), (
            f"{self._contender.name}: programs started by containerd used {cpu_of_children} s")
