# SPDX-License-Identifier: Apache-2.0
"""What the snapshot calls took, medians over the runs."""
import collections
import statistics

METHODS = ["prepare", "mounts", "stat", "commit", "remove"]
REFERENCE = "containerd 2.3 overlayfs"


def print_table(lines):
    """`lines` as rpc.jsonl has them."""
    reports = collections.defaultdict(list)
    for line in lines:
        if line["kind"] == "rpc":
            reports[line["clients"], line["contender"]].append(line)
    if reports:
        print("\nsnapshot calls: microseconds, p50 / p99; ratio: time against "
              f"{REFERENCE} with as many clients\n")
        print(f"| clients | by | {' | '.join(METHODS)} | calls per second | ratio |")
        print("|--:|---|" + "--:|" * (len(METHODS) + 2))
    for (clients, contender), runs in sorted(reports.items(), key=lambda pair: pair[0][0]):
        cells = [" / ".join(f"{median(run['latencies'][method][point] for run in runs):,.0f}"
                            for point in ("p50", "p99")) for method in METHODS]
        rate, reference = (median(run["rate"] for run in group)
                           for group in (runs, reports.get((clients, REFERENCE), ())))
        ratio = f"{reference / rate:.2f}" if reference else ""
        print(f"| {clients} | {contender} | {' | '.join(cells)} | {rate:,.0f} | {ratio} |")


def median(values):
    """None of nothing."""
    values = list(values)
    return statistics.median(values) if values else None
