# SPDX-License-Identifier: Apache-2.0
"""What the kubelet has containerd do, by containerd's own plugin for it."""
import re

from lib.cri import Cri
from lib.expect import contains, equal
from lib.lamina import APPLIED
from lib.process import eventually
from lib.registration import case
from lib.registry import HOST
from lib.trees import expect_equal_trees, trees
from lib.variant import Layout

PAUSE = f"{HOST}/test:pause"

# What lamina's log says of each layer that is to be unpacked apart from those below, and of a base.
PARENTLESS = r'msg="prepare snapshot" key="\S+/extract-\S+ \S+" parent=""'


def start(stage, parallel=False):
    """The kubelet, and the image to pull."""
    stage.start(parallel=parallel, pause=PAUSE)
    pause = Layout(stage.image.layout("gzip"), stage.directory / "pause")
    pause.keep_layers([1, 0])  # a chain that shares no snapshot with the image's
    pause.config["config"]["Cmd"] = ["/bin/sleep", "infinity"]
    equal("name", stage.registry.push(pause.write(), "test:pause"), PAUSE)
    return Cri(stage.containerd), stage.push("gzip")


def trees_of_overlayfs(stage, reference):
    """Of one layer after the other: containerd itself loses something in parallel."""
    stage.containerd.pull(reference, "overlayfs", "--local")
    return trees(stage.containerd, "overlayfs", stage.image.diff_ids)


def expect_pulled(stage, cri, expected):
    expect_equal_trees(stage, trees(cri.containerd, "lamina", stage.image.diff_ids), expected)
    stage.lamina.wait_until_nothing_staged()


def remove(stage, cri, *references):
    for reference in references:
        cri.remove(reference)
    cri.containerd.collect_garbage()
    stage.lamina.wait_until_empty()


@case("1.7", "2.3")
def kubelet_pulls_layers_that_are_unpacked_ahead(stage):
    cri, reference = start(stage)
    expected = trees_of_overlayfs(stage, reference)

    def some_layer_was_ahead():
        cri.pull(reference)
        expect_pulled(stage, cri, expected)
        remove(stage, cri, reference)
        return stage.lamina.unpacked_ahead()[1] > 0

    eventually("layers are taken that were staged", some_layer_was_ahead)


@case("2.3")
def kubelet_pulls_layers_in_parallel(stage):
    cri, reference = start(stage, parallel=True)
    expected = trees_of_overlayfs(stage, reference)
    cri.pull(reference)
    expect_pulled(stage, cri, expected)
    remove(stage, cri, reference)


def lose_snapshots(stage, cri):
    """The image's, whose blobs stay. The topmost one is all that holds the others."""
    cri.containerd.ctr("snapshots", "--snapshotter", "lamina", "rm", stage.image.chain_ids[-1])
    cri.containerd.collect_garbage()
    equal("snapshots", cri.containerd.snapshots("lamina"), [])
    stage.lamina.wait_until_empty()


@case("1.7", "2.3")
def kubelet_starts_container_of_an_image_whose_snapshots_are_gone(stage):
    """2.2.2 and later unpack it in parallel then, whatever their configuration says of pulls, if
    there is the capability (internal/cri/opts/container.go)."""
    cri, reference = start(stage, parallel=stage.version == "2.3")
    expected = trees_of_overlayfs(stage, reference)
    cri.pull(reference)
    lose_snapshots(stage, cri)
    with cri.pod() as pod:
        before = stage.lamina.log_text()
        printed = cri.run(pod, reference, "/bin/sh", "-c",
                          "perl -e 'print qq(perl here\n)'; cat /etc/motd")
        contains("output", printed, "perl here\nlayers put together by lamina\n")
        expect_pulled(stage, cri, expected)
    after = stage.lamina.log_text().removeprefix(before)
    layers = len(stage.image.diff_ids)
    equal("layers unpacked", len(re.findall(APPLIED, after)), layers)
    equal("layers without parent", len(re.findall(PARENTLESS, after)),
          layers if stage.version == "2.3" else 1)
    remove(stage, cri, reference, PAUSE)
