#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one end-to-end case: e2e.py --daemon PROGRAM CASE/containerd-VERSION.

--list prints the cases, --prepare fetches and builds what they need from the network.
"""
import argparse
import os
import sys
import traceback
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is

from lib import isolation, prerequisites
from lib.peers import prepare
from lib.registration import all_cases
from lib.stage import Stage


def main():
    options = arguments()
    if options.list:
        print("\n".join(sorted(all_cases())))
        return 0
    try:
        if options.prepare:
            return prepare()
        return inside(options) if options.inside else outside(options)
    except prerequisites.Missing as missing:
        print(f"skipped, missing here: {missing}", flush=True)
        return 1 if os.environ.get("CI") == "true" else prerequisites.SKIPPED


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--daemon", type=Path, default="", help="containerd-lamina-grpc")
    parser.add_argument("--inside", type=Path, metavar="DIRECTORY", help=argparse.SUPPRESS)
    parser.add_argument("case", nargs="?", choices=["", *all_cases()], metavar="CASE")
    return parser.parse_args()


def outside(options):
    prerequisites.require_root()
    prerequisites.require_programs("runc", "skopeo", "zstd", "dpkg-deb", "unshare", "setpriv")
    assert options.daemon.is_file(), f"--daemon {options.daemon}: no such program, build it"
    return isolation.run_isolated([sys.executable, *sys.argv, "--inside"])


def inside(options):
    isolation.settle_in(options.inside)
    mounts = isolation.mount_points()
    try:
        run_case(options)
        isolation.expect_nothing_left(mounts)
        return 0
    except AssertionError:
        traceback.print_exc()
        return 1


def run_case(options):
    case, version = all_cases()[options.case]
    with Stage(options.inside, version, options.daemon) as stage:
        case(stage)


if __name__ == "__main__":
    sys.exit(main())
