# SPDX-License-Identifier: Apache-2.0
"""Programs that unpack one layer blob into a directory."""
import json

from lib.prerequisites import require_programs
from measure.cost import run_measured

DECODERS = {"tar.gz": "igzip", "tar.zst": "zstd", "frames.tar.zst": "zstd"}


class Lamina:
    def __init__(self, laminactl, engine, writers=0, durability="none"):
        self.engine, self.durability = engine, durability
        self.name = f"lamina {engine}" + (f", {writers} writers" if writers else "") + (
            ", durable" if durability == "layer" else "")
        self._argv = [laminactl, "unpack", "--engine", engine, "--writers", writers,
                      "--durability", durability, "--json"]

    def run(self, layer, form, target):
        # Whiteouts become overlay whiteouts, as in a pull.
        printed, cost = run_measured([*self._argv, "--upperdir", layer.path(form), target])
        digest = json.loads(printed)["digest"]
        assert digest == layer.digest("tar"), f"{self.name}: {layer.name} has {digest}"
        return cost


class PipeToTar:
    """The fastest decoder at hand, then GNU tar: two processes, a pipe, no digest."""

    name = "decoder | tar"
    programs = ("igzip", "zstd", "tar")

    def run(self, layer, form, target):
        script = 'set -o pipefail; "$1" -dc "$2" | tar --extract --preserve-permissions -C "$3"'
        argv = ["bash", "-c", script, "bash", DECODERS[form], layer.path(form), target]
        return run_measured(argv)[1]


class PipeToTarAndDigest:
    """The same with the digest that every unpacker of images has to compute, by OpenSSL."""

    name = "decoder | sha256 | tar"
    programs = ("openssl", "tee")

    def run(self, layer, form, target):
        # A named pipe, so that bash waits for the digest and its processor time is counted.
        script = ('set -o pipefail; mkfifo "$4"; openssl sha256 -r <"$4" & '
                  '"$1" -dc "$2" | tee "$4" | tar --extract --preserve-permissions -C "$3" && wait')
        argv = ["bash", "-c", script, "bash", DECODERS[form], layer.path(form), target,
                target.parent / "pipe"]
        printed, cost = run_measured(argv)
        digest = f"sha256:{printed.split()[0]}"
        assert digest == layer.digest("tar"), f"{self.name}: {layer.name} has {digest}"
        return cost


class Bsdtar:
    """One process, libarchive with zlib or libzstd, no digest."""

    name = "bsdtar"
    programs = ("bsdtar",)

    def run(self, layer, form, target):
        argv = ["bsdtar", "-x", "-p", "-f", layer.path(form), "-C", target]
        return run_measured(argv)[1]


def layer_contenders(laminactl):
    others = [PipeToTar(), PipeToTarAndDigest(), Bsdtar()]
    for contender in others:
        require_programs(*contender.programs)
    return [*(Lamina(laminactl, engine) for engine in ("auto", "threads", "io_uring")), *others]
