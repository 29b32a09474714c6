# SPDX-License-Identifier: Apache-2.0
"""Every layer as lamina leaves it on disk is what containerd's own applier makes of it."""
from lib.oci import COMPRESSIONS
from lib.registration import case
from lib.trees import compare_trees


def pull_both_and_compare(stage, *reference_options):
    for compression in COMPRESSIONS:
        reference = stage.push(compression)
        stage.containerd.pull(reference, "overlayfs", *reference_options)
        stage.containerd.pull(reference, "lamina")
        for reason, times in compare_trees(stage).items():
            print(f"{compression}: {times} differences because {reason}")
        stage.containerd.remove_image(reference)


@case("1.6", "1.7", "2.3")
def trees_equal_those_of_overlayfs(stage):
    stage.start()
    pull_both_and_compare(stage)


@case("2.3")
def trees_of_parallel_pull_equal_those_of_overlayfs(stage):
    """Layers are applied before their parents are known, where containerd's own applier loses what
    folders that no entry names have below: so it applies them one after the other (--local)."""
    stage.start(parallel=True)
    pull_both_and_compare(stage, "--local")
