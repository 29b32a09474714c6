#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes one synthetic layer as a plain tar: generator.py small-files OUT.tar [count=1000 ...]."""
import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from layers.synthetic import SHAPES, write_layer, write_standard_layer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("out", type=Path)
    parser.add_argument("sizes", nargs="*", metavar="NAME=NUMBER", help="instead of the standard")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the standard size")
    options = parser.parse_args()
    if options.sizes:
        pairs = (pair.split("=") for pair in options.sizes)
        write_layer(options.out, options.shape, **{name: int(size) for name, size in pairs})
    else:
        write_standard_layer(options.out, options.shape, options.quick)


if __name__ == "__main__":
    main()
