# SPDX-License-Identifier: Apache-2.0
"""Which plots are drawn: a bar per contender, a line per sweep."""
from measure import sweep_lines, svg
from measure.table import contests


def write(out, machine, medians):
    note = "{cpu}, {cores} cores, SHA-256 in {sha256}, {memory_gib} GiB, Linux {kernel}, {filesystem}, {commit}".format(
        **machine)
    for (kind, subject, form), group in contests(medians):
        doing, name = ("pull", f"pull-{subject}") if kind == "pull" else ("unpack", subject)
        (out / f"{name}-{form.replace('.', '-')}.svg").write_text(
            contender_bars(f"{subject}.{form}: seconds to {doing}", note, group))
    for kind, title, number, series in sweep_lines.sweeps(medians):
        (out / f"{kind}.svg").write_text(svg.lines(title, note, number, sweep_lines.UNIT, series))


def contender_bars(title, note, group):
    roofline = next((run for run in group if run["contender"] == "roofline"), None)
    rows = [(run["contender"], run["wall"], f"{run['wall']:.2f} s, CPU {run['cpu']:.2f} s")
            for run in sorted(group, key=lambda run: run["wall"]) if run is not roofline]
    return svg.bars(title, note, rows, roofline and ("roofline", roofline["wall"]))
