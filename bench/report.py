#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of results that were kept: report.py RESULTS.jsonl... [--out DIR].

Runs of several comparisons of one machine count together, so that a long one can be made in parts.
The files are those of compare.sh, rpc.sh and deep.sh.
"""
import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from measure import deep_table, plots, rpc_table
from measure.results import median_runs
from measure.table import print_tables

OTHERS = ("machine", "rpc", "deep")  # lines that are not of compare.sh
SAME = ("cpu", "cores", "sha256", "memory_gib", "kernel", "filesystem")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="where plots go")
    options = parser.parse_args()
    lines = [json.loads(line) for path in options.results for line in path.open(encoding="utf-8")]
    machines = [line for line in lines if line["kind"] == "machine"]
    if len({tuple(machine[name] for name in SAME) for machine in machines}) != 1:
        sys.exit(f"these are not of one machine and filesystem: {', '.join(SAME)}")
    machine = {name: machines[0][name] for name in SAME}
    machine["commit"] = ", ".join(sorted({machine["commit"] for machine in machines}))
    medians = median_runs([line for line in lines if line["kind"] not in OTHERS])
    print_tables(machine, medians)
    rpc_table.print_table(lines)
    deep_table.print_tables(lines)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        plots.write(options.out, machine, medians)


if __name__ == "__main__":
    main()
