# SPDX-License-Identifier: Apache-2.0
"""What a container upon an image sees, whatever its layers are shown by."""
import contextlib
from collections import Counter

from lib.manifest import differences, manifest
from lib.process import run


@contextlib.contextmanager
def merged(stage, snapshotter, chain):
    """A folder that shows what a container would see."""
    target = stage.directory / "merged"
    target.mkdir(exist_ok=True)
    command = stage.containerd.snapshot_command(snapshotter, "view", "--target", target, "shown",
                                                chain[-1])
    run("sh", "-c", command)
    yield target
    run("umount", target)
    stage.containerd.ctr("snapshots", "--snapshotter", snapshotter, "rm", "shown",
                         check=False)  # nothing names it: it may be collected already


def shown(stage, snapshotter, chain):
    """Names whose inode has no other name here are links no more, whatever a layer below has."""
    with merged(stage, snapshotter, chain) as tree:
        found = manifest(tree)
    names = Counter(entry["same inode as"] for entry in found.values())
    for entry in found.values():
        if names[entry["same inode as"]] == 1:
            entry["same inode as"] = None
    return found


def expect_same(stage, what, actual, expected):
    """But for times of folders that no layer has an entry for: those of their unpacking."""
    unnamed = {".", *(path for layer in stage.image.implied for path in layer)}
    wrong = [f"{path}: {field} is {is_value}, not {should_be}"
             for path, field, is_value, should_be in differences(actual, expected)
             if field != "mtime" or path not in unnamed]
    assert not wrong, "\n".join([f"{what} differs", *wrong[:50]])
