# SPDX-License-Identifier: Apache-2.0
"""Tables for the terminal that are Markdown as well, so that they can be kept."""
from measure import engine_table, sweep_lines

REFERENCES = ("containerd 2.3", "decoder | tar")  # what the ratios are against
TITLES = {"layer": "layer", "image": "image, blobs local", "pull": "pull, blobs fetched"}
HEAD = "| contender | wall s | spread | CPU s | peak RSS | ratio | efficiency |"


def print_tables(machine, medians):
    print("\n" + ", ".join(f"{name}: {value}" for name, value in machine.items()))
    for (kind, subject, form), group in contests(medians):
        runs = max(run["runs"] for run in group)
        print(f"\n{TITLES[kind]}: {subject}.{form}, medians of {runs}\n\n{HEAD}\n|---|"
              + "--:|" * 6)
        for run in sorted(group, key=lambda run: run["wall"]):
            print(row(run, group))
    engine_table.print_table(medians)
    sweep_lines.print_tables(medians)


def contests(medians):
    """((kind, subject, form), medians of all contenders) of what several contend for."""
    groups = {}
    for run in medians:
        if run["kind"] in TITLES:
            groups.setdefault((run["kind"], run["subject"], run["form"]), []).append(run)
    return groups.items()


def row(run, group):
    roofline = next((other for other in group if other["contender"] == "roofline"), None)
    reference = next((other for other in group if other["contender"] in REFERENCES), None)
    ratio = f"{run['wall'] / reference['wall']:.2f}" if reference else ""
    efficiency = f"{roofline['wall'] / run['wall']:.2f}" if roofline else ""
    name = run["contender"].replace("|", "\\|")
    if run["runs"] < max(other["runs"] for other in group):
        name += f" (runs: {run['runs']})"
    if run["stages"]:
        name += " (alone: " + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds
                                        in run["stages"].items()) + ")"
    return (f"| {name} | {run['wall']:.2f} | {run['fastest']:.2f}-{run['slowest']:.2f} "
            f"| {run['cpu']:.2f} | {run['rss'] / (1 << 20):.0f} MiB | {ratio} | {efficiency} |")
