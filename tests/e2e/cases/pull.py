# SPDX-License-Identifier: Apache-2.0
"""Who unpacks the layers of a pull, by each of the ways that containerd offers."""
from lib.expect import equal
from lib.oci import COMPRESSIONS
from lib.registration import case


def pull_and_look(stage, *options):
    """Both compressions, one after the other: their snapshots have the same names."""
    for compression in COMPRESSIONS:
        already = len(stage.lamina.unpacked())
        reference = stage.push(compression)
        stage.containerd.pull(reference, "lamina", *options)
        equal(f"layers unpacked by lamina, {compression}",
              sorted(stage.lamina.unpacked()[already:]),
              sorted(stage.image.layer_digests(compression)))
        stage.containerd.remove_image(reference)


@case("1.7", "2.3")
def pull_unpacks_every_layer_by_lamina(stage):
    """1.7 asks the diff service, 2.3 the transfer service."""
    stage.start()
    pull_and_look(stage)


@case("2.3")
def local_pull_unpacks_every_layer_by_lamina(stage):
    stage.start()
    pull_and_look(stage, "--local")


@case("2.3")
def parallel_pull_unpacks_every_layer_by_lamina(stage):
    stage.start(parallel=True)
    pull_and_look(stage)


@case("1.7", "2.3")
def pull_for_overlayfs_is_left_to_containerd(stage):
    """lamina's differ is asked first and must decline what is not its own."""
    stage.start()
    stage.containerd.pull(stage.push("gzip"), "overlayfs", "--local")
    equal("layers unpacked by lamina", stage.lamina.unpacked(), [])
    equal("snapshots of overlayfs", len(stage.containerd.snapshots("overlayfs")),
          len(stage.image.diff_ids))
