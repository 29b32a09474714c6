# SPDX-License-Identifier: Apache-2.0
"""What the sweeps show, for plots and tables: throughput over one number."""
import collections

# Kind: (title, what the number is).
SWEEPS = {
    "sweep-bytes": ("One large file", "MiB of file"),
    "sweep-files": ("Files of 3 KiB", "files"),
    "sweep-writers": ("Threads that write", "threads"),
}
UNIT = "MB/s of tar"


def sweeps(medians):
    """(kind, title, what the number is, {contender: [(number, MB/s)]}) of those that were made."""
    for kind, (title, number) in SWEEPS.items():
        group = [run for run in medians if run["kind"] == kind]
        if group:
            yield kind, title, number, throughputs(group, kind)


def throughputs(group, kind):
    """Where the sweep is over writers they are not part of the name."""
    series = collections.defaultdict(list)
    for run in group:
        name = run["contender"].partition(",")[0] if kind == "sweep-writers" else run["contender"]
        series[name].append((run["x"], run["bytes"] / 1e6 / run["wall"]))
    return {name: sorted(points) for name, points in series.items()}


def print_tables(medians):
    for _, title, number, series in sweeps(medians):
        names = [name.replace("|", "\\|") for name in series]
        print(f"\n{title}, {UNIT}\n\n| {number} | {' | '.join(names)} |\n|--:|"
              + "--:|" * len(series))
        for x in sorted({x for points in series.values() for x, _ in points}):
            cells = (f"{dict(points)[x]:.0f}" if x in dict(points) else ""
                     for points in series.values())
            print(f"| {x:,} | {' | '.join(cells)} |")
