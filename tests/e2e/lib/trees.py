# SPDX-License-Identifier: Apache-2.0
"""Compares layers as lamina unpacked them with what containerd's overlayfs made of them."""
from collections import Counter

from lib.expect import equal
from lib.image import chain_ids
from lib.layers_on_disk import layer_folders
from lib.manifest import differences, manifest

# Every difference that is allowed: (reason, is it this one?). Anything else fails the case.
ALLOWED = [
    ("the root's time is when it was unpacked: no entry sets it",
     lambda path, field, implied, kind: field == "mtime" and path == "."),
    ("a folder that no entry names keeps the time of its last change",
     lambda path, field, implied, kind: field == "mtime" and path in implied),
    ("a whiteout's time is when it was made: containerd sets none",
     lambda path, field, implied, kind: field == "mtime" and kind == "whiteout"),
]


def compare_trees(stage):
    """Fails unless each layer of the stage's image is the same; counts the reasons used."""
    used, wrong = Counter(), []
    actual, expected = (layer_folders(stage.containerd, snapshotter, stage.image.chain_ids)
                        for snapshotter in ("lamina", "overlayfs"))
    for number, folders in enumerate(zip(actual, expected)):
        wrong += unexpected(stage, number, *map(manifest, folders), used)
    assert not wrong, "\n".join(["trees differ", *wrong[:50]])
    return used


def trees(containerd, snapshotter, diff_ids):
    """Of each layer, base first."""
    return [manifest(folder)
            for folder in layer_folders(containerd, snapshotter, chain_ids(diff_ids))]


def expect_equal_trees(stage, actual, expected, numbers=None):
    """`numbers`: which layers of the stage's image they are, if not all."""
    wrong = []
    numbers = numbers or range(len(stage.image.diff_ids))
    equal("layers", len(actual), len(expected))
    for number, tree, reference in zip(numbers, actual, expected):
        wrong += unexpected(stage, number, tree, reference)
    assert not wrong, "\n".join(["trees differ", *wrong[:50]])


def unexpected(stage, number, actual, expected, used=None):
    """What differs between two manifests of the image's layer `number` without being allowed."""
    wrong = []
    for path, field, is_value, should_be in differences(actual, expected):
        kind = expected.get(path, {}).get("kind")
        reason = allowed(path, field, stage.image.implied[number], kind)
        if not reason:
            wrong.append(f"layer {number + 1}, {path}: {field} is {is_value}, not {should_be}")
        elif used is not None:
            used[reason] += 1
    return wrong


def allowed(path, field, implied, kind):
    return next((reason for reason, matches in ALLOWED if matches(path, field, implied, kind)),
                None)
