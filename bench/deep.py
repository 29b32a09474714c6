#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An image of 60 layers, mounted as 60 lower directories and as its base and one flat tree.

How long the mount takes, the first look at files, at names that are not there and at directories
that all layers have, and the start of a container; once when nothing of the layers is in memory,
and once when all is. And what the flat tree takes: time, processor, disk. Each run has a fresh
filesystem, contenders take turns.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from layers.deep import DeepImage
from lib import peers
from measure import command, deep_contenders


def main():
    options = command.parse(command.option_parser(__doc__), quick_runs=1)
    return command.run(options, deep_contenders.programs(options.build), prepare,
                       deep_contenders.measure)


def prepare(options):
    peers.prepare()
    DeepImage(options.quick)


if __name__ == "__main__":
    sys.exit(main())
