# SPDX-License-Identifier: Apache-2.0
"""Layers that are unpacked before containerd asks for them, by clients that ask one by one."""
import random
import threading
import time

from lib.expect import contains, equal
from lib.process import eventually
from lib.registration import case
from lib.trees import expect_equal_trees, trees
from lib.variant import Layout


def unpack(containerd, reference, snapshotter, **how):
    """All blobs first, then one layer after the other: 1.7's pull, and 2.3's `snapshots unpack`."""
    if containerd.version == "1.7":
        return containerd.pull(reference, snapshotter, **how)
    containerd.ctr("content", "fetch", "--plain-http", reference)
    return containerd.ctr("snapshots", "unpack", "--snapshotter", snapshotter,
                          target(containerd, reference), **how)


def target(containerd, reference):
    rows = {row[0]: row[2] for row in containerd.ctr_rows("images", "ls")}
    return rows[reference]


def remove_all(containerd, *references):
    for reference in references:
        containerd.ctr("images", "rm", reference, check=False)
    for lease in containerd.ctr("leases", "ls", "-q").split():
        containerd.ctr("leases", "rm", lease)
    containerd.collect_garbage()


@case("1.7", "2.3")
def layers_are_unpacked_ahead_and_trees_stay_the_same(stage):
    stage.start(metrics=True)
    reference = stage.push("gzip")
    unpack(stage.containerd, reference, "overlayfs")
    expected = trees(stage.containerd, "overlayfs", stage.image.diff_ids)

    def some_layer_was_ahead():
        """Which ones are depends on the moment; that some are, on nothing but patience."""
        unpack(stage.containerd, reference, "lamina")
        expect_equal_trees(stage, trees(stage.containerd, "lamina", stage.image.diff_ids), expected)
        stage.lamina.wait_until_nothing_staged()
        remove_all(stage.containerd, reference)
        stage.lamina.wait_until_empty()
        return stage.lamina.unpacked_ahead()[1] > 0

    eventually("layers are taken that were staged", some_layer_was_ahead)
    contains("log", stage.lamina.log_text(), "staged=true")
    staged, used, wasted = stage.lamina.unpacked_ahead()
    equal("layers staged that nobody took", (staged - used, wasted), (0, 0))
    equal("metrics", stage.lamina.lookahead_counters(), (staged, used, wasted))


@case("1.7")
def switched_off_nothing_is_staged(stage):
    stage.start(lookahead="off")
    reference = stage.push("gzip")
    unpack(stage.containerd, reference, "lamina")
    equal("layers unpacked", len(stage.lamina.unpacked()), len(stage.image.diff_ids))
    assert "stage layer" not in stage.lamina.log_text()


@case("1.7", "2.3")
def client_that_goes_away_leaves_nothing_in_the_way(stage):
    """Whatever it left is used or thrown away by the next one."""
    moments = random.Random(1)
    stage.start()
    reference = stage.push("gzip")
    began = time.monotonic()
    unpack(stage.containerd, reference, "lamina")
    seconds = time.monotonic() - began
    expected = trees(stage.containerd, "lamina", stage.image.diff_ids)
    remove_all(stage.containerd, reference)
    for _ in range(10):
        unpack(stage.containerd, reference, "lamina", check=False,
               within=moments.uniform(0, seconds))
        unpack(stage.containerd, reference, "lamina")
        expect_equal_trees(stage, trees(stage.containerd, "lamina", stage.image.diff_ids), expected)
        stage.lamina.wait_until_nothing_staged()
        remove_all(stage.containerd, reference)
        stage.lamina.wait_until_empty()


@case("2.3")
def blob_that_is_missing_fails_the_unpack_and_nothing_stays(stage):
    stage.start()
    reference = stage.push("gzip")
    containerd, missing = stage.containerd, stage.image.layer_digests("gzip")[3]
    containerd.ctr("content", "fetch", "--plain-http", reference)
    containerd.ctr("content", "rm", missing)
    containerd.collect_garbage()  # the file itself: as long as it is there, it is unpacked
    assert not containerd.has_blob_file(missing), "containerd keeps the blob that was removed"
    failed = containerd.ctr("snapshots", "unpack", "--snapshotter", "lamina",
                            target(containerd, reference), check=False)
    assert failed.returncode != 0, "an image without one of its layers was unpacked"
    stage.lamina.wait_until_nothing_staged()
    remove_all(containerd, reference)
    unpack(containerd, reference, "lamina")


@case("1.7")
def wrong_diff_id_fails_the_pull_and_nothing_stays(stage):
    stage.start()
    layout = Layout(stage.image.layout("gzip"), stage.directory / "wrong")
    layout.config["rootfs"]["diff_ids"][2] = "sha256:" + "0" * 64
    reference = stage.registry.push(layout.write(), "wrong:diff-id")
    failed = unpack(stage.containerd, reference, "lamina", check=False)
    assert failed.returncode != 0, "a layer of another diff ID was taken"
    contains("error", failed.stderr, "wrong diff id")
    stage.lamina.wait_until_nothing_staged()


@case("1.7")
def images_that_share_layers_are_pulled_at_once(stage):
    stage.start()
    numbers = [0, 1, 2, 5]
    layout = Layout(stage.image.layout("gzip"), stage.directory / "other")
    layout.keep_layers(numbers)
    references = [stage.push("gzip"), stage.registry.push(layout.write(), "other:gzip")]
    diff_ids = [stage.image.diff_ids, [stage.image.diff_ids[number] for number in numbers]]
    for snapshotter in ("overlayfs", "lamina"):
        at_once(*[(unpack, stage.containerd, reference, snapshotter) for reference in references])
    for ids, which in zip(diff_ids, (None, numbers)):
        expect_equal_trees(stage, trees(stage.containerd, "lamina", ids),
                           trees(stage.containerd, "overlayfs", ids), which)
    remove_all(stage.containerd, *references)
    stage.lamina.wait_until_empty()


@case("1.7")
def image_is_pulled_into_two_namespaces_at_once(stage):
    stage.start()
    reference = stage.push("gzip")
    both = (stage.containerd, stage.containerd.in_namespace(f"{stage.containerd.namespace}-other"))
    unpack(stage.containerd, reference, "overlayfs")
    expected = trees(stage.containerd, "overlayfs", stage.image.diff_ids)
    at_once(*[(unpack, containerd, reference, "lamina") for containerd in both])
    for containerd in both:
        expect_equal_trees(stage, trees(containerd, "lamina", stage.image.diff_ids), expected)
    for containerd in both:
        remove_all(containerd, reference)
    stage.lamina.wait_until_empty()


def at_once(*calls):
    failures = []

    def call(function, *args):
        try:
            function(*args)
        except AssertionError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=call, args=one) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
