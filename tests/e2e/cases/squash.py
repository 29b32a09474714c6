# SPDX-License-Identifier: Apache-2.0
"""Squashed images: stock containerd and lamina make the same tree of them as of their source."""
import json

from lib.container import run_once
from lib.expect import contains, equal
from lib.image import chain_ids
from lib.merged import expect_same, shown
from lib.process import run
from lib.registration import case
from lib.squash import squash


def chain_of(stage, report):
    """Of an image whose documents containerd has."""
    def document(digest):
        return json.loads(stage.containerd.ctr("content", "get", digest))
    config = document(report["images"][0]["manifest"])["config"]["digest"]
    return chain_ids(document(config)["rootfs"]["diff_ids"])


def expect_runs(stage, reference, snapshotter):
    printed = run_once(stage.containerd, reference, snapshotter, "/bin/bash", "-c",
                       "perl -e 'print qq(perl here\n)'; cat /etc/motd")
    contains("output", printed, "perl here\nlayers put together by lamina\n")


@case("1.7", "2.3")
def squashed_image_is_the_same_everywhere(stage):
    stage.start()
    stage.containerd.pull(stage.push("gzip"), "lamina")
    source = shown(stage, "lamina", stage.image.chain_ids)
    for layers, from_layer in ((1, "4"), (3, "4"), (2, "all")):
        name = f"squashed:{layers}-{from_layer}"
        layout = stage.directory / f"layout-{layers}-{from_layer}"
        report = squash(stage, stage.image.layout("gzip"), "--from-layer", from_layer, "--layers",
                        str(layers), "--tag", name, "--output-path", layout)
        kept = 0 if from_layer == "all" else len(stage.image.diff_ids) - int(from_layer)
        equal("layers", report["images"][0]["layers"]["after"], kept + layers)
        reference = stage.registry.push(layout, name)
        for snapshotter in ("overlayfs", "lamina"):
            stage.containerd.pull(reference, snapshotter)
            expect_same(stage, f"{name} by {snapshotter}",
                        shown(stage, snapshotter, chain_of(stage, report)), source)
            expect_runs(stage, reference, snapshotter)


@case("1.7", "2.3")
def image_squashed_in_containerd_runs_at_once(stage):
    stage.start()
    reference = stage.push("gzip")
    stage.containerd.pull(reference, "lamina")
    source = shown(stage, "lamina", stage.image.chain_ids)
    report = squash(stage, reference, "--from-layer", "4", "--layers", "2", "--tag",
                    "local/squashed:1")
    equal("names", sorted(row[0] for row in stage.containerd.ctr_rows("images", "ls")),
          sorted([reference, "local/squashed:1"]))
    chain = chain_of(stage, report)
    contains("snapshots", stage.containerd.snapshots("lamina"), chain[-1])
    equal("leases", stage.containerd.ctr_rows("leases", "ls"), [])
    stage.containerd.remove_image(reference)
    stage.containerd.collect_garbage()  # takes all that nothing names
    unpacked = stage.lamina.unpacked()
    expect_runs(stage, "local/squashed:1", "lamina")
    equal("layers unpacked for the container", stage.lamina.unpacked(), unpacked)
    expect_same(stage, "squashed", shown(stage, "lamina", chain), source)
    stage.containerd.ctr("images", "export", stage.directory / "export.tar", "local/squashed:1")
    stage.containerd.remove_image("local/squashed:1")
    stage.lamina.wait_until_empty()


@case("2.3")
def image_in_containerd_becomes_a_file(stage):
    stage.start()
    reference = stage.push("zstd")
    stage.containerd.pull(reference, "lamina")
    archive = stage.directory / "squashed.tar"
    squash(stage, reference, "--from-layer", "all", "--tag", "local/squashed:1", "--output",
           "oci-tar", "--output-path", archive)
    run("skopeo", "inspect", "--config", f"oci-archive:{archive}")
    stage.containerd.ctr("images", "import", "--snapshotter", "overlayfs", archive)
    equal("names", sorted(row[0] for row in stage.containerd.ctr_rows("images", "ls")),
          sorted([reference, "local/squashed:1"]))
    equal("leases", stage.containerd.ctr_rows("leases", "ls"), [])
