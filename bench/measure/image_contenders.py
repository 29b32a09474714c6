# SPDX-License-Identifier: Apache-2.0
"""Ways to unpack a whole image, its blobs in the content store already or still to fetch."""
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
    unpacks: int = 1  # layers at the same time, which only a pull does (transfer service)
    pull: bool = False  # even when nothing is to be fetched
    lookahead: str = "auto"  # of lamina

    def applies_to(self, compression, image):
        """More in parallel than there are layers would show nothing."""
        return (self.decoder is None or compression == "gzip" or self.pull) and (
            self.unpacks <= max(4, len(image.layers)))

    def title(self, compression):
        """zstd is always decoded by Go."""
        return self.name if compression == "gzip" else self.name.replace(", igzip", "")


def lamina(name="lamina", **more):
    return ImageContender(name, snapshotter="lamina", **more)


def parallel(unpacks):
    return {"pull": True, "unpacks": unpacks}


CONTENDERS = [
    lamina(),
    lamina("lamina, look-ahead off", lookahead="off"),
    lamina("lamina, 4 in parallel", **parallel(4)),
    lamina("lamina, 8 in parallel", **parallel(8)),
    lamina("containerd 1.7, lamina", version="1.7", pull=True),
    ImageContender("containerd 2.3"),
    ImageContender("containerd 2.3, unpigz", decoder="unpigz"),
    ImageContender("containerd 2.3, igzip", decoder="igzip"),
    ImageContender("containerd 2.3, igzip, 4 in parallel", decoder="igzip", **parallel(4)),
    ImageContender("containerd 1.7", version="1.7"),
]

PULL_CONTENDERS = [contender for contender in CONTENDERS if contender.name in (
    "lamina", "lamina, 4 in parallel", "containerd 1.7, lamina", "containerd 2.3",
    "containerd 2.3, igzip, 4 in parallel", "containerd 1.7")]


class ImageRun:
    """One contender's run in a folder on a fresh filesystem."""

    def __init__(self, contender, seed, daemon, fetch=False):
        """`fetch`: the content store is empty, and the blobs come from the registry."""
        self._contender, self._seed, self._daemon = contender, seed, daemon
        self._fetch = fetch

    def run(self, compression, directory):
        """Returns (Cost, {"ahead": layers that lamina had unpacked before they were asked for})."""
        contender, home = self._contender, directory / "containerd"
        with contextlib.ExitStack() as running:
            if not self._fetch:
                running.enter_context(self._seed.lent_to(contender.version, home))
            daemon = None
            if contender.snapshotter == "lamina":
                daemon = running.enter_context(MeasuredLamina(
                    self._daemon, directory / "lamina", home, contender.lookahead,
                    max(4, contender.unpacks)))
            containerd = running.enter_context(MeasuredContainerd(
                contender.version, home, NAMESPACE, daemon, contender.decoder, contender.unpacks))
            cost = self._unpack(containerd, daemon, compression)
        return cost, {"ahead": daemon.unpacked_ahead()[1]} if daemon else {}

    def _unpack(self, containerd, daemon, compression):
        daemons = {"containerd": DaemonCost(containerd.pid)}
        if daemon:
            daemons["lamina"] = DaemonCost(daemon.pid)
        before = len(containerd.snapshots(self._contender.snapshotter))
        _, client = run_measured(containerd.ctr_command(*self._command(compression)))
        self._check(containerd, before, daemon)
        used = {name: sum(daemon.cpu()) for name, daemon in daemons.items()}
        unpacker = daemons["lamina" if daemon else "containerd"]
        self._check_decoder(daemons["containerd"].cpu()[1], compression)
        return Cost(client.wall, client.cpu + sum(used.values()), unpacker.rss())

    def _command(self, compression):
        snapshotter = ("--snapshotter", self._contender.snapshotter)
        if self._contender.pull or self._fetch:  # what is there is not fetched again
            return ("images", "pull", "--plain-http", *snapshotter,
                    self._seed.references[compression])
        return "snapshots", "unpack", *snapshotter, self._seed.manifests[compression]

    def _check(self, containerd, before, daemon):
        """Every layer is there, and by lamina if it is to be."""
        wanted = self._seed.layer_count
        made = len(containerd.snapshots(self._contender.snapshotter)) - before
        assert made == wanted, f"{self._contender.name}: {made} of {wanted} layers"
        applied = len(daemon.unpacked()) if daemon else wanted
        assert applied == wanted, f"{self._contender.name}: {applied} of {wanted} by lamina"

    def _check_decoder(self, cpu_of_children, compression):
        """Whether what inflated was what the contender's name says."""
        expected = self._contender.decoder is not None and compression == "gzip"
        assert expected == (cpu_of_children > 0), (
            f"{self._contender.name}: programs started by containerd used {cpu_of_children} s")
