# SPDX-License-Identifier: Apache-2.0
"""Which plots are drawn: a bar per contender, a line per sweep."""
import collections

from measure import svg

SWEEPS = {
    "sweep-bytes": ("One large file", "MiB of file"),
    "sweep-files": ("Files of 3 KiB", "files"),
    "sweep-writers": ("Threads that write", "threads"),
}


def write(out, machine, medians):
    note = "{cpu}, {cores} cores, SHA-256 in {sha256}, {memory_gib} GiB, Linux {kernel}, {filesystem}, {commit}".format(
        **machine)
    for subject, form in dict.fromkeys((run["subject"], run["form"]) for run in medians
                                       if run["kind"] in ("layer", "image")):
        group = [run for run in medians if (run["subject"], run["form"]) == (subject, form)
                 and run["kind"] in ("layer", "image")]
        (out / f"{subject}-{form.replace('.', '-')}.svg").write_text(
            contender_bars(f"{subject}.{form}: seconds to unpack", note, group))
    for kind, (title, x_label) in SWEEPS.items():
        group = [run for run in medians if run["kind"] == kind]
        if group:
            (out / f"{kind}.svg").write_text(
                svg.lines(title, note, x_label, "MB/s of tar", throughputs(group, kind)))


def contender_bars(title, note, group):
    roofline = next((run for run in group if run["contender"] == "roofline"), None)
    rows = [(run["contender"], run["wall"], f"{run['wall']:.2f} s, CPU {run['cpu']:.2f} s")
            for run in sorted(group, key=lambda run: run["wall"]) if run is not roofline]
    return svg.bars(title, note, rows, roofline and ("roofline", roofline["wall"]))


def throughputs(group, kind):
    """{contender: [(x, MB/s)]}; where the sweep is over writers they are not part of the name."""
    series = collections.defaultdict(list)
    for run in group:
        name = run["contender"].partition(",")[0] if kind == "sweep-writers" else run["contender"]
        series[name].append((run["x"], run["bytes"] / 1e6 / run["wall"]))
    return series
