#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Latency and rate of Prepare, Mounts, Stat, Commit and Remove for 1, 16 and 64 clients.

lamina by its own socket, and containerd's overlayfs and lamina by containerd's. Each measurement
has a fresh filesystem and a new daemon; contenders take turns.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from lib import peers
from measure import command, rpc_contenders


def main():
    options = command.parse(command.option_parser(__doc__), quick_runs=1)
    return command.run(options, rpc_contenders.programs(options.build),
                       lambda _: peers.prepare(), rpc_contenders.measure)


if __name__ == "__main__":
    sys.exit(main())
