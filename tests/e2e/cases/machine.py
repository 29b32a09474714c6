# SPDX-License-Identifier: Apache-2.0
"""Without lamina: when this fails, the machine or the harness is at fault, not the daemon."""
from lib.container import run_once
from lib.expect import contains
from lib.registration import case


@case("1.6", "1.7", "2.3")
def machine_runs_container_from_overlayfs(stage):
    stage.start(lamina=False)
    reference = stage.push("gzip")
    stage.containerd.pull(reference, "overlayfs")
    printed = run_once(stage.containerd, reference, "overlayfs", "/bin/bash", "-c",
                       "perl -e 'print qq(perl here\n)'; cat /etc/motd")
    contains("output", printed, "perl here\nlayers put together by lamina\n")
