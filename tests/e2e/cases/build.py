# SPDX-License-Identifier: Apache-2.0
"""Images that BuildKit builds upon lamina's snapshots are those that it builds upon overlayfs's."""
import json

from cases.flat import FLAT, kinds, lowers_in
from lib.buildkit import Buildkit
from lib.container import run_once
from lib.expect import equal
from lib.process import eventually
from lib.registration import case
from lib.squash import document

BUILT = "local/built:1"

# Files and folders that are new, deleted, changed in place or replaced by others, and one folder by
# another of its name, which overlayfs makes opaque. COPY --link merges layers that were made apart.
DOCKERFILE = """FROM {base} AS first
RUN mkdir -p /srv/made/deep && echo made >/srv/made/deep/file \\
 && ln /srv/made/deep/file /srv/made/linked && ln -s deep/file /srv/made/symbolic \\
 && chmod 4711 /srv/made/deep/file && chown -R 5:6 /srv/made && mkfifo /srv/made/fifo
RUN rm -r /etc/motd /usr/share/zoneinfo/Asia \\
 && rm -r /srv/owned && mkdir /srv/owned && echo mine >/srv/owned/mine
RUN rm -r /etc/replaced && echo 'a file again' >/etc/replaced \\
 && rm /srv/zoo/null && mkdir /srv/zoo/null && chmod 700 /srv/zoo
COPY --chown=7:8 files /opt/copied
RUN busybox grep ' / / ' /proc/self/mountinfo

FROM {base}
COPY --from=first /srv /srv/first
COPY --link --from=first /opt/copied /opt/linked
RUN echo last >/opt/linked/last && rm /opt/linked/removed
"""
STEPS_BEFORE_MOUNT = 4  # in the Dockerfile, of which each makes a layer


def start(stage, **more):
    """The folder with the Dockerfile, and the image that is built of it upon overlayfs."""
    stage.start(**more)
    context = stage.directory / "context"
    (context / "files").mkdir(parents=True)
    (context / "files" / "kept").write_text("copied\n")
    (context / "files" / "removed").write_text("copied, and removed again\n")
    (context / "Dockerfile").write_text(DOCKERFILE.format(base=stage.push("gzip")))
    with buildkit(stage, "overlayfs") as reference:
        return context, image(reference.build(context)[0])


def buildkit(stage, snapshotter, upper_directories=True, name="buildkit"):
    return Buildkit(stage.containerd, stage.directory / f"{name}-{snapshotter}", snapshotter,
                    upper_directories)


def image(layout):
    """Its digest, after those of its layers, which tell more when they differ."""
    (descriptor,) = json.loads((layout / "index.json").read_text())["manifests"]
    layers = [layer["digest"] for layer in document(layout, descriptor)["layers"]]
    return [*layers, descriptor["digest"]]


def expect_image(stage, layout, expected):
    """And that lamina unpacked the whole base, not the differ that containerd asks next."""
    equal("image", image(layout), expected)
    equal("layers of the base that lamina did not unpack",
          set(stage.image.layer_digests("gzip")) - set(stage.lamina.unpacked()), set())
    stage.lamina.wait_until_nothing_staged()
    complaints = [line for line in stage.lamina.log_text().splitlines()
                  if "failed" in line or "level=error" in line]
    equal("complaints", complaints, [])


@case("1.7", "2.3")
def build_comes_out_as_upon_overlayfs(stage):
    """The changes of each step are read from its upper directory."""
    context, expected = start(stage)
    with buildkit(stage, "lamina") as upon_lamina:
        expect_image(stage, upon_lamina.build(context)[0], expected)
        upon_lamina.build_into_containerd(context, BUILT)
        equal("output", run_once(upon_lamina.containerd, BUILT, "lamina", "/bin/cat",
                                 "/srv/first/made/linked", "/opt/linked/last", "/etc/motd"),
              "made\nlast\nlayers put together by lamina\n")
        upon_lamina.containerd.remove_image(BUILT)
        upon_lamina.forget()
        stage.lamina.wait_until_empty()


@case("2.3")
def base_of_a_build_is_unpacked_ahead(stage):
    context, expected = start(stage, metrics=True)
    with buildkit(stage, "lamina") as upon_lamina:
        def some_layer_was_ahead():
            expect_image(stage, upon_lamina.build(context)[0], expected)
            upon_lamina.forget()
            stage.lamina.wait_until_empty()
            return stage.lamina.unpacked_ahead()[1] > 0

        eventually("layers are taken that were staged", some_layer_was_ahead)


@case("2.3")
def build_comes_out_the_same_when_containerd_compares(stage):
    """Each step's two trees, because lamina's differ makes no layers."""
    context, expected = start(stage)
    with buildkit(stage, "lamina", upper_directories=False) as upon_lamina:
        expect_image(stage, upon_lamina.build(context)[0], expected)


@case("2.3")
def build_upon_a_flat_tree_comes_out_the_same(stage):
    """`auto` flattens the base alone, so that upper directories still tell what each step changed;
    `always` flattens the steps too, which are then compared."""
    context, expected = start(stage)
    for mode, upper_directories in (("auto", True), ("always", None)):
        stage.configure_squash({"mode": mode, "min_layers": 2, "wait": True})
        with buildkit(stage, "lamina", upper_directories, mode) as upon_lamina:
            layout, printed = upon_lamina.build(context)
            expect_image(stage, layout, expected)
            lowers = kinds(lowers_in(printed))
            if mode == "auto":
                equal("lower folders", lowers, ["fs"] * STEPS_BEFORE_MOUNT + FLAT)
            else:
                equal("lower folders", lowers, FLAT)
            upon_lamina.forget()
            stage.lamina.wait_until_empty()
