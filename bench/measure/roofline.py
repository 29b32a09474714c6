# SPDX-License-Identifier: Apache-2.0
"""The least that unpacking some layers can cost here, measured in the same minutes."""
import json
import os

from measure.cost import Cost, run_measured

STAGES = ("decode", "hash", "create")


class Roofline:
    """Decode, SHA-256 and a bare create and write, at once and each alone: bench/roofline."""

    name = "roofline"

    def __init__(self, program, fresh):
        """`fresh` makes a filesystem for as long as a `with` block."""
        self._program, self._fresh = program, fresh

    def run(self, layers, form):
        """Returns (Cost of all at once, {stage: wall seconds alone})."""
        stages = {stage: self._run(stage, layers, form).wall for stage in STAGES}
        return self._run(",".join(STAGES), layers, form), stages

    def _run(self, works, layers, form):
        files = [path for layer in layers for path in (layer.path("tar"), layer.path(form))]
        threads = len(os.sched_getaffinity(0))
        with self._fresh() as target:
            printed, cost = run_measured([self._program, target, threads, works, *files])
        report = json.loads(printed)
        digests = [layer.digest("tar") for layer in layers] if "hash" in works else []
        assert report["digests"] == digests, report
        return Cost(report["wall"], report["cpu"], cost.rss)
