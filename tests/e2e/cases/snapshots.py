# SPDX-License-Identifier: Apache-2.0
"""What `ctr snapshots` shows and does, and that removing images frees everything."""
from lib.container import Container
from lib.expect import contains, equal
from lib.layers_on_disk import disk_usage, layer_folders
from lib.registration import case


def pulled(stage, snapshotters=("lamina",)):
    stage.start()
    reference = stage.push("gzip")
    for snapshotter in snapshotters:
        stage.containerd.pull(reference, snapshotter)
    return reference


@case("1.6", "1.7", "2.3")
def listings_equal_those_of_overlayfs(stage):
    pulled(stage, ("lamina", "overlayfs"))
    for command in ("ls", "tree", "info"):
        argument = [stage.image.chain_ids[-1]] if command == "info" else []
        lamina, overlayfs = (without_times(stage.containerd.snapshot_command(name, command,
                                                                             *argument))
                             for name in ("lamina", "overlayfs"))
        equal(f"ctr snapshots {command}", lamina, overlayfs)


def without_times(text):
    """`info` prints when a snapshot was made."""
    return [line for line in text.splitlines() if '"Created"' not in line and
            '"Updated"' not in line]


@case("1.6", "1.7", "2.3")
def usage_is_what_the_folders_take(stage):
    pulled(stage)
    for chain_id, folder in zip(stage.image.chain_ids,
                                layer_folders(stage.containerd, "lamina", stage.image.chain_ids)):
        equal(f"usage of {folder}", stage.containerd.usage("lamina", chain_id), disk_usage(folder))


@case("1.6", "1.7", "2.3")
def snapshot_with_children_is_not_removed(stage):
    pulled(stage)
    refused = stage.containerd.ctr("snapshots", "--snapshotter", "lamina", "rm",
                                   stage.image.chain_ids[0], check=False)
    assert refused.returncode != 0, "a parent was removed"
    contains("refusal", refused.stderr, "cannot remove snapshot with child")


@case("1.6", "1.7", "2.3")
def parents_of_a_removed_snapshot_are_garbage(stage):
    """The image names its topmost snapshot only; the others live as long as that."""
    pulled(stage)
    stage.containerd.snapshot_command("lamina", "rm", stage.image.chain_ids[-1])
    stage.containerd.collect_garbage()
    equal("snapshots", stage.containerd.snapshots("lamina"), [])
    stage.lamina.wait_until_empty()


@case("1.6", "1.7", "2.3")
def removing_image_and_container_empties_the_root(stage):
    reference = pulled(stage)
    with Container(stage.containerd, reference, "lamina", "one") as container:
        container.exec("echo mine > /written")
        stage.containerd.remove_image(reference)
        contains("image removed under a container", container.exec("cat /etc/motd"), "lamina")
    stage.containerd.collect_garbage()
    equal("snapshots", stage.containerd.snapshots("lamina"), [])
    stage.lamina.wait_until_empty()
