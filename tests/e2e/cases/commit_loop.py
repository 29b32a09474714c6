# SPDX-License-Identifier: Apache-2.0
"""Commit after commit upon one image, as by a loop of run, exec and commit."""
import contextlib
import json
import statistics
import time
from itertools import pairwise

from lib import isolation
from lib.expect import equal
from lib.layers_on_disk import lower_directories
from lib.registration import case

COMMITS = 200
MIN_LAYERS = 12
KEPT = 3  # each round makes a file, and deletes that of so many rounds before


def mount_of(stage, command, key, parent):
    """The one mount that a snapshot of `parent` has."""
    (mount,) = json.loads(stage.containerd.snapshot_command("lamina", command, "--mounts", key,
                                                            parent))
    return mount


@contextlib.contextmanager
def mounted(stage, mount):
    target = stage.directory / "merged"
    target.mkdir(exist_ok=True)
    isolation.mount(mount["Source"], target, mount["Type"], ",".join(mount["Options"]))
    yield target
    isolation.unmount(target)


def work(tree, number):
    (tree / f"srv/made-{number}").write_text(f"in round {number}\n")
    (tree / "srv/round").write_text(f"{number}\n")
    (tree / f"srv/made-{number - KEPT}").unlink(missing_ok=True)


def commit_once(stage, number, parent):
    """Returns (name, lower directories of the mount, seconds of the commit)."""
    mount = mount_of(stage, "prepare", f"running-{number}", parent)
    with mounted(stage, mount) as tree:
        work(tree, number)
    began = time.monotonic()
    stage.containerd.snapshot_command("lamina", "commit", f"round-{number}", f"running-{number}")
    return f"round-{number}", lower_directories(mount), time.monotonic() - began


@case("2.3")
def mounts_of_two_hundred_commits_stay_shallow(stage):
    stage.start(squash={"mode": "always", "min_layers": MIN_LAYERS, "wait": True})
    stage.containerd.pull(stage.push("gzip"), "lamina")
    parent, depths, seconds = stage.image.chain_ids[-1], [], []
    for number in range(COMMITS):
        parent, below, took = commit_once(stage, number, parent)
        depths.append(len(below))
        seconds.append(took)
    equal("lower directories at first", depths[0], len(stage.image.chain_ids))
    assert max(depths) < MIN_LAYERS, f"lower directories of the mounts: {depths}"
    trees = stage.lamina.flattened()
    equal("flat trees", len(trees), sum(after < before for before, after in pairwise(depths)))
    print(f"lower directories: at most {max(depths)}, {len(trees)} flat trees, the last one of "
          f"{trees[-1]['entries']} entries in {trees[-1]['seconds']} s")
    for what, some in (("first", seconds[:50]), ("last", seconds[-50:])):
        print(f"the {what} 50 commits: {statistics.median(some) * 1e3:.1f} ms, with ctr's start")
    with mounted(stage, mount_of(stage, "view", "shown", parent)) as tree:
        equal("files", {path.name: path.read_text() for path in (tree / "srv").glob("[mr]*")},
              {"round": f"{COMMITS - 1}\n",
               **{f"made-{number}": f"in round {number}\n"
                  for number in range(COMMITS - KEPT, COMMITS)}})
        equal("of the image", (tree / "etc/motd").read_text(), "layers put together by lamina\n")
