# SPDX-License-Identifier: Apache-2.0
"""Keeps every run as a line of JSON, and prints medians as a table."""
import collections
import dataclasses
import json
import statistics
import time

from measure import plots
from measure.machine import describe_machine
from measure.table import print_tables


# What makes two runs the same.
IDENTITY = ("kind", "subject", "form", "contender", "filesystem", "condition")


class Results:
    """Runs go to <out>/results.jsonl at once: an interrupted comparison is not lost. `add` keeps
    what the file has of earlier ones."""

    def __init__(self, out, filesystem, add):
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._mode, self.runs = out, "a" if add else "w", []
        self.machine = {**describe_machine(), "filesystem": filesystem}

    def __enter__(self):
        self._file = open(self._out / "results.jsonl", self._mode, encoding="utf-8")
        self._write({"kind": "machine", **self.machine})
        return self

    def __exit__(self, *_):
        self._file.close()

    def _write(self, line):
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def add(self, kind, subject, form, contender, cost, **more):
        run = {"kind": kind, "subject": subject, "form": form, "contender": contender,
               **dataclasses.asdict(cost), **more}
        self.runs.append(run)
        self._write(run)
        place = "".join(f" {run[name]}" for name in ("filesystem", "condition") if name in run)
        print(f"{time.strftime('%H:%M:%S')} {kind} {subject}.{form}{place} {contender}: "
              f"{cost.wall:.2f} s, CPU {cost.cpu:.2f} s, {cost.rss / (1 << 20):.0f} MiB",
              flush=True)

    def finish(self):
        medians = median_runs(self.runs)
        print_tables(self.machine, medians)
        plots.write(self._out, self.machine, medians)
        print(f"written: {self._out}")


def median_runs(runs):
    """One line per contender, subject and place: the median of each figure over its runs."""
    groups = collections.defaultdict(list)
    for run in runs:
        groups[tuple(run.get(name) for name in IDENTITY)].append(run)
    return [median_of(group) for group in groups.values()]


def median_of(group):
    first = group[0]
    figures = {name: statistics.median(run[name] for run in group)
               for name in ("wall", "cpu", "rss")}
    stages = {name: statistics.median(run["stages"][name] for run in group)
              for name in first.get("stages", {})}
    return {**first, **figures, "stages": stages, "runs": len(group),
            "fastest": min(run["wall"] for run in group),
            "slowest": max(run["wall"] for run in group)}
