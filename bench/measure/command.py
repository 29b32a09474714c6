# SPDX-License-Identifier: Apache-2.0
"""What every benchmark command has in common: options, programs, namespaces of its own."""
import argparse
import os
import sys
from pathlib import Path

from lib import isolation, prerequisites
from measure import filesystem

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def option_parser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build" / "release",
                        help="build folder whose programs are measured (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="tiny inputs: does everything work?")
    parser.add_argument("--runs", type=int, help="of each contender (default 5, fewer if quick)")
    parser.add_argument("--filesystem", choices=filesystem.KINDS, default="ext4")
    parser.add_argument("--scratch", type=Path, default="/var/tmp", help="holds the filesystems")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "bench-results")
    parser.add_argument("--inside", type=Path, metavar="DIRECTORY", help=argparse.SUPPRESS)
    return parser


def parse(parser, quick_runs):
    options = parser.parse_args()
    options.runs = options.runs or (quick_runs if options.quick else 5)
    return options


def run(options, programs, prepare, measure):
    """`prepare` fetches and makes what `measure` needs; it alone may use the network."""
    try:
        if options.inside:
            isolation.settle_in(options.inside)
            measure(options)
            return 0
        prerequisites.require_root()
        prerequisites.require_programs("unshare", "setpriv")
        filesystem.require(options.filesystem)
        for program in programs.values():
            prerequisites.require_file(program, "build it with the preset release")
        prepare(options)
        os.environ["LAMINA_TEST_DIR"] = str(options.scratch)
        return isolation.run_isolated([sys.executable, *sys.argv, "--inside"])
    except prerequisites.Missing as missing:
        print(f"missing here: {missing}", file=sys.stderr)
        return prerequisites.SKIPPED
