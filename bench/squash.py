#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""laminactl squash beside docker-squash: one docker-save tar, squashed whole into another one.

docker-squash is the release that tests/e2e/peers.sh pins, from PyPI, driven without a Docker engine
(squashing/on_tar.py): what is measured is reading the saved image, squashing, and writing the result.
It proves nothing; laminactl's time has its proof in it, and that the result is on the disk. They
take turns, each run on a fresh filesystem.
"""
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from lib.cache import cache_dir
from lib.image import test_image
from lib.prerequisites import Missing, require_file
from measure import command, squash_contenders
from squashing.docker_save import docker_save


def main():
    options = command.parse(command.option_parser(__doc__), quick_runs=1)
    return command.run(options, squash_contenders.programs(options.build),
                       prepare, measure)


def prepare(options):
    script = command.REPOSITORY / "tests" / "e2e" / "peers.sh"
    peers = [script, squash_contenders.PEER]
    if subprocess.run(peers, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise Missing("docker-squash: tests/e2e/peers.sh could not fetch it")
    require_file(layout(options), "bench/corpus.sh makes it")


def layout(options):
    return test_image().layout("gzip") if options.quick else cache_dir() / "corpus" / "image-gzip"


def measure(options):
    source = options.inside / "source.tar"
    layers = docker_save(layout(options), source, "bench:source")
    print(f"{layers} layers, {source.stat().st_size / 1e6:.0f} MB", flush=True)
    squash_contenders.measure(options, source, layers)


if __name__ == "__main__":
    sys.exit(main())
