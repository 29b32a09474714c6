# SPDX-License-Identifier: Apache-2.0
"""A line per filesystem, place of the blob, layer and durability, with both engines in it."""

HEAD = ("| filesystem | blob | layer | durability | threads s | spread | io_uring s | spread "
        "| io_uring / threads | CPU s | runs |")


def print_table(medians):
    lines = {}
    for run in medians:
        if run["kind"] == "engine":
            key = run["filesystem"], run["condition"], run["subject"], run["durability"]
            lines.setdefault(key, {})[run["engine"]] = run
    if lines:
        print(f"\nengines\n\n{HEAD}\n|---|---|---|---|" + "--:|" * 7)
    for key, engines in lines.items():
        print("| " + " | ".join([*key, *cells(engines.get("threads"), engines.get("io_uring"))])
              + " |")


def cells(threads, ring):
    """Either may be missing, if only one was asked for."""
    ratio = f"{ring['wall'] / threads['wall']:.2f}" if threads and ring else ""
    there = [run for run in (threads, ring) if run]
    return [*seconds(threads), *seconds(ring), ratio,
            " / ".join(f"{run['cpu']:.2f}" for run in there),
            str(min(run["runs"] for run in there))]


def seconds(run):
    if not run:
        return "", ""
    return f"{run['wall']:.2f}", f"{run['fastest']:.2f}-{run['slowest']:.2f}"
