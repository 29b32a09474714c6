#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the layers and images that the benchmarks unpack, once, outside the checkout.

What is there already is kept. The real layers come from the machine's own apt sources and npm's
registry; --quick needs no network.
"""
import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from layers import synthetic
from layers.corpus import IMAGES, Corpus, default_directory
from lib.prerequisites import require_programs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, help="default: ~/.cache/lamina/corpus")
    parser.add_argument("--quick", action="store_true", help="tiny layers instead, no network")
    parser.add_argument("--no-synthetic", action="store_true",
                        help="leave out the synthetic layers (about 16 GB)")
    options = parser.parse_args()
    require_programs("gzip", "zstd", *([] if options.quick else ["apt-get", "dpkg-deb", "npm"]))
    corpus = Corpus(options.dir or default_directory(options.quick), options.quick)
    corpus.make(() if options.no_synthetic else synthetic.SHAPES)
    for name in IMAGES:
        corpus.make_image(name)
    print(corpus.directory)


if __name__ == "__main__":
    main()
