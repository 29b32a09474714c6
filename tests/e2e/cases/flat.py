# SPDX-License-Identifier: Apache-2.0
"""Flat trees in place of many lower folders, under clients that know nothing of them."""
import re

from lib.container import Container, run_once
from lib.expect import contains, equal
from lib.layers_on_disk import disk_usage
from lib.merged import expect_same, shown
from lib.process import eventually
from lib.registration import case
from lib.variant import Layout

LABEL = "containerd.io/snapshot/lamina.squash"

# The kinds of lower folders that the image is mounted with: its flat tree and the base it is upon.
FLAT = ["flat", "fs"]

# Copies take longer than links, and an idle thread takes longer.
SLOWLY = {"backend": "copy", "wait": False}

# How often something has to come upon a tree that is being made, and how often that is tried.
ROUNDS, TRIES = 3, 30


def squash(stage, mode, **more):
    """Only chains as long as the image's: the job of a layer in its middle would race with the
    Prepare of the next one."""
    return {"mode": mode, "min_layers": len(stage.image.diff_ids), "wait": True, **more}


def start(stage, mode, **more):
    """2.3 unpacks the layers at the same time, apart from their parents."""
    stage.start(parallel=stage.version == "2.3", metrics=True, squash=squash(stage, mode, **more))
    return stage.push("gzip")


def push_variant(stage, name, layers=None, annotation=None):
    """The image with these layers only, or with an annotation on its topmost one."""
    layout = Layout(stage.image.layout("gzip"), stage.directory / name)
    if layers:
        layout.keep_layers(layers)
    if annotation:
        layout.manifest["layers"][-1]["annotations"] = {LABEL: annotation}
    return stage.registry.push(layout.write(), f"test:{name}")


def lowers_in(command):
    """The lower folders that a mount command names, nearest first: "<id>/fs" or "<id>/flat"."""
    folders = re.search(r"lowerdir=([^,\s]+)", command).group(1).split(":")
    return [folder.split("/snapshots/")[1] for folder in folders]


def lowers_of_view(stage, chain_id):
    view = ("view", "--target", "/x", "look", chain_id)
    lowers = lowers_in(stage.containerd.snapshot_command("lamina", *view))
    stage.containerd.ctr("snapshots", "--snapshotter", "lamina", "rm", "look",
                         check=False)  # garbage: it may be collected already
    return lowers


def mount_of(stage, container):
    """What containerd is told, and what the kernel has."""
    return (stage.containerd.snapshot_command("lamina", "mounts", "/x", container.name),
            container.root_mount())


def kinds(lowers):
    return [lower.split("/")[1] for lower in lowers]


def expect_works(container):
    contains("output", container.exec("perl -e 'print qq(perl here\n)'; cat /etc/motd"),
             "perl here\nlayers put together by lamina\n")


@case("1.7", "2.3")
def container_upon_a_flat_tree_sees_what_overlayfs_shows(stage):
    reference, chain = start(stage, "auto"), stage.image.chain_ids
    stage.containerd.pull(reference, "overlayfs", "--local")
    expected = shown(stage, "overlayfs", chain)
    stage.containerd.pull(reference, "lamina")
    with Container(stage.containerd, reference, "lamina", "one") as container:
        command, mounted = mount_of(stage, container)
        equal("lower folders", kinds(lowers_in(command)), FLAT)
        equal("lower folders of a view", lowers_of_view(stage, chain[-1]), lowers_in(command))
        contains("mount", mounted, f"/snapshots/{lowers_in(command)[0]}")
        expect_works(container)
        expect_same(stage, "flat tree", shown(stage, "lamina", chain), expected)
        # Links to files of the layers: nothing that a container does may go through them.
        container.exec("echo mine >> /etc/motd; chmod 0 /usr/bin/raw; rm -r /usr/share/zoneinfo")
        expect_same(stage, "flat tree afterwards", shown(stage, "lamina", chain), expected)
    equal("flat trees made", (len(stage.lamina.flattened()),
                              stage.lamina.metric("lamina_flat_trees_made_total")), (1, 1))
    stage.remove_everything(reference)


def listings(stage):
    """All that ctr tells of the snapshots, but when they were made and the bytes of folders, which
    depend on the order of their names."""
    containerd, chain = stage.containerd, stage.image.chain_ids
    told = [containerd.snapshot_command("lamina", command) for command in ("ls", "tree")]
    told += [containerd.snapshot_command("lamina", "info", chain_id) for chain_id in chain]
    told += [f"inodes {containerd.usage('lamina', chain_id)[1]}" for chain_id in chain]
    return [line for text in told for line in text.splitlines()
            if '"Created"' not in line and '"Updated"' not in line]


@case("1.7", "2.3")
def flat_tree_does_not_show_in_listings(stage):
    reference, chain = start(stage, "off"), stage.image.chain_ids
    stage.containerd.pull(reference, "lamina")
    without = listings(stage)
    stage.remove_everything(reference)
    stage.configure_squash(squash(stage, "auto"))
    stage.containerd.pull(reference, "lamina")
    equal("lower folders", kinds(lowers_of_view(stage, chain[-1])), FLAT)
    equal("listings", listings(stage), without)
    equal("usage", sorted(stage.containerd.usage("lamina", chain_id) for chain_id in chain),
          sorted(map(disk_usage, stage.lamina.root.glob("snapshots/*/fs"))))
    stage.remove_everything(reference)


@case("1.7", "2.3")
def mounts_stay_the_same_whatever_the_configuration_says_later(stage):
    """Also of what is prepared later upon a chain that was seen."""
    reference, chain = start(stage, "off"), stage.image.chain_ids
    lower = push_variant(stage, "lower", layers=range(len(chain) - 1))
    stage.containerd.pull(lower, "lamina")
    with Container(stage.containerd, lower, "lamina", "early") as early:
        as_they_are = mount_of(stage, early)
        stage.configure_squash(squash(stage, "always", min_layers=2))
        equal("mount, now that all is flattened", mount_of(stage, early), as_they_are)
        equal("view", lowers_of_view(stage, chain[-2]), lowers_in(as_they_are[0]))
        stage.containerd.pull(reference, "lamina")
        with Container(stage.containerd, reference, "lamina", "late") as late:
            flat = mount_of(stage, late)
            equal("lower folders", kinds(lowers_in(flat[0])), FLAT)
            stage.configure_squash(squash(stage, "off"))
            equal("mount of layers", mount_of(stage, early), as_they_are)
            equal("mount of the tree, now that none is", mount_of(stage, late), flat)
            equal("view of the tree", lowers_of_view(stage, chain[-1]), lowers_in(flat[0]))
            contains("output", early.exec("cat /etc/replaced/inside"), "now a folder")
            expect_works(late)
            contains("new container", run_once(stage.containerd, reference, "lamina", "/bin/cat",
                                               "/etc/motd"), "lamina")
    stage.remove_everything(lower, reference)


@case("2.3")
def annotation_of_a_layer_stands_above_the_mode(stage):
    """By containerd's unpacker, which passes it on; ctr of 1.7 unpacks by itself."""
    reference, chain = start(stage, "off"), stage.image.chain_ids
    raw = ["fs"] * len(chain)
    for mode, annotation, expected in (("off", None, raw), ("off", "always", FLAT),
                                       ("off", "auto", FLAT), ("always", "off", raw),
                                       ("always", "nonsense", FLAT)):
        stage.configure_squash(squash(stage, mode))
        if annotation:
            reference = push_variant(stage, f"{mode}-{annotation}", annotation=annotation)
        stage.containerd.pull(reference, "lamina")
        info = stage.containerd.snapshot_command("lamina", "info", chain[-1])
        equal(f"label {annotation}", re.findall(f'"{LABEL}": "(.*)"', info),
              [annotation] if annotation else [])
        equal(f"lower folders, mode {mode}, annotation {annotation}",
              kinds(lowers_of_view(stage, chain[-1])), expected)
        stage.remove_everything(reference)
    contains("log", stage.lamina.log_text(), "neither off nor auto nor always")


def met_job(stage, reference, event):
    """Pulls, and whether `event` came while the image was being flattened. That begins when the chain
    has rested, thus after the pull, so that its beginning is always seen; how long it takes, and
    what else there is to do, depends on the machine."""
    before = len(stage.lamina.flattened())
    stage.containerd.pull(reference, "lamina")
    eventually("the image is flattened", lambda: len(stage.lamina.flattened()) > before or
               any(stage.lamina.root.glob("staging/*")), pause=0.001)
    event()
    return len(stage.lamina.flattened()) == before


def trees_on_disk(stage):
    return list(stage.lamina.root.glob("snapshots/*/flat"))


def until_met(attempt):
    met = 0
    for number in range(TRIES):
        met += attempt()
        print(f"{met} of {number + 1} came upon a tree that was being made", flush=True)
        if met == ROUNDS:
            return
    raise AssertionError(f"only {met} of {TRIES} came upon a tree that was being made")


@case("1.7", "2.3")
def image_may_be_removed_while_it_is_flattened(stage):
    reference = start(stage, "auto", **SLOWLY)
    until_met(lambda: met_job(stage, reference, lambda: stage.remove_everything(reference)))
    assert "cannot flatten" not in stage.lamina.log_text(), "a job that is canceled has not failed"


def kill_and_start_again(stage, reference, mode, expected):
    """Whether the kill came upon the job."""
    stage.configure_squash(squash(stage, "auto", **SLOWLY))
    met = met_job(stage, reference, stage.lamina.kill)
    stage.lamina.configure(squash(stage, mode, **SLOWLY))
    stage.restart_lamina()
    if mode == "auto":
        eventually("the image is flattened", lambda: trees_on_disk(stage))
    lowers = kinds(lowers_of_view(stage, stage.image.chain_ids[-1]))
    is_raw = lowers == ["fs"] * len(stage.image.chain_ids)
    met = met and (mode == "auto" or is_raw)  # else killed before it could say that it is done
    equal("lower folders", lowers, lowers if met and mode == "off" else FLAT)
    equal("trees on disk", len(trees_on_disk(stage)), lowers.count("flat"))
    expect_same(stage, "image", shown(stage, "lamina", stage.image.chain_ids), expected)
    stage.remove_everything(reference)
    return met


@case("1.7", "2.3")
def sigkill_while_flattening_leaves_nothing_behind(stage):
    """The next daemon makes the tree, or forgets it where the configuration says so."""
    reference = start(stage, "off")
    stage.containerd.pull(reference, "overlayfs", "--local")
    expected = shown(stage, "overlayfs", stage.image.chain_ids)
    stage.containerd.remove_image(reference)
    for mode in ("auto", "off"):
        until_met(lambda: kill_and_start_again(stage, reference, mode, expected))
