# SPDX-License-Identifier: Apache-2.0
"""What many layers cost a container, and what a flat tree of them costs; medians over the runs."""
import collections
from statistics import median

LOOKS = {"mount": "mount", "missing": "a name that is not there", "found": "a file",
         "listed": "list a directory"}
STARTS = {"true": "container: true", "python": "container: Python finds its modules"}
MEMORY = {"cold": "nothing in memory", "warm": "all in memory"}


def print_tables(lines):
    """`lines` as deep.jsonl has them."""
    runs = collections.defaultdict(list)
    for line in lines:
        if line["kind"] == "deep":
            runs[line["contender"]].append(line)
    if runs:
        print_looks(runs)
        print_costs(runs)


def print_looks(runs):
    starts = [name for name in STARTS if name in next(iter(runs.values()))[0]["starts"]["cold"]]
    print("\nfirst looks: microseconds each; start of a container: milliseconds\n")
    titles = [*LOOKS.values(), *map(STARTS.get, starts)]
    print(f"| lower directories | | {' | '.join(titles)} |")
    print("|---|---|" + "--:|" * (len(LOOKS) + len(starts)))
    for memory, title in MEMORY.items():
        for contender, group in runs.items():
            cells = [f"{median(run['looks'][memory][what] for run in group):,.0f}"
                     for what in LOOKS]
            cells += [f"{median(run['starts'][memory][what] for run in group) * 1e3:,.0f}"
                      for what in starts]
            print(f"| {group[0]['lowers']}, {contender} | {title} | {' | '.join(cells)} |")


def print_costs(runs):
    print("\nwhat the flat tree takes\n\n| by | wall s | CPU s | entries | copied inodes | on disk "
          "| inodes | daemon's CPU s for pull and tree |\n|---|" + "--:|" * 7)
    for contender, group in runs.items():
        cpu = median(run["pull"]["cpu"] for run in group)
        print(f"| {contender} | {' | '.join(tree_cells(group))} | {cpu:.2f} |")


def tree_cells(group):
    """Of the last tree of each run; none where there is none."""
    if not group[0]["pull"]["trees"]:
        return [""] * 6
    wall, cpu, entries, copied = (
        median(float(run["pull"]["trees"][-1][field]) for run in group)
        for field in ("seconds", "cpu_seconds", "entries", "copied"))
    disk, inodes = (median(run[field] for run in group) for field in ("disk_bytes", "inodes"))
    return [f"{wall:.2f}", f"{cpu:.2f}", f"{entries:,.0f}", f"{copied:,.0f}",
            f"{disk / 1e6:.1f} MB", f"{inodes:,.0f}"]
