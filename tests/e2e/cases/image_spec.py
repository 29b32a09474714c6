# SPDX-License-Identifier: Apache-2.0
"""Squashed images of every form are what the OCI image specification says."""
from lib import image_spec, oci
from lib.build import Build, write_images
from lib.expect import contains
from lib.process import run
from lib.registration import case
from lib.squash import squash
from lib.variant import Layout


def unpacked(stage, archive):
    """An archive, Docker's as well, holds a layout."""
    directory = stage.directory / f"{archive.name}.files"
    directory.mkdir()
    run("tar", "--extract", "--file", archive, "--directory", directory)
    return directory


@case("2.3")
def squashed_layouts_keep_to_the_image_spec(stage):
    source = stage.image.layout("gzip")
    image_spec.expect_valid(source)  # or the source would be to blame
    for compression, from_layer, layers in (("gzip", "4", "1"), ("zstd", "4", "3"),
                                            ("none", "all", "2")):
        layout = stage.directory / compression
        squash(stage, source, "--from-layer", from_layer, "--layers", layers, "--tag", "squashed:1",
               "--compression", compression, "--output-path", layout)
        image_spec.expect_valid(layout)


@case("2.3")
def squashed_archives_keep_to_the_image_spec(stage):
    archive = stage.image.layout("zstd")
    for form in ("oci-tar", "docker-tar", "oci-tar"):  # the last one of what Docker would save
        result = stage.directory / f"{archive.name}-{form}.tar"
        squash(stage, archive, "--from-layer", "2", "--layers", "2", "--tag", "squashed:1",
               "--output", form, "--output-path", result)
        image_spec.expect_valid(unpacked(stage, result))
        archive = result


@case("1.7", "2.3")
def image_squashed_in_containerd_keeps_to_the_image_spec(stage):
    stage.start()
    reference = stage.push("gzip")
    stage.containerd.pull(reference, "lamina")
    squash(stage, reference, "--from-layer", "4", "--tag", "local/squashed:1")
    archive = stage.directory / "export.tar"
    stage.containerd.ctr("images", "export", archive, "local/squashed:1")
    image_spec.expect_valid(unpacked(stage, archive))


def small_layout(stage):
    """Two layers of one file each."""
    build = Build(stage.directory / "build")
    for name in ("lower", "upper"):
        with build.layer(f"COPY {name} /") as out:
            out.file(name, name.encode())
    write_images(stage.directory / "right", {"small": build})
    return stage.directory / "right"


# What the check says of each: how to bring it about.
WRONG = {
    "config-schema.json": lambda layout: layout.config.pop("rootfs"),
    "diff_ids": lambda layout: layout.manifest["layers"].reverse(),
    "rows with a layer": lambda layout: layout.config["history"].pop(),
    "manifest.md: mediaType": lambda layout: layout.manifest.update(mediaType=image_spec.INDEX),
    "media-types.md": lambda layout: layout.manifest["layers"][0].update(mediaType="text/plain"),
    "created": lambda layout: layout.config.update(created="today"),
    "no blob": lambda layout: layout.manifest["layers"][0].update(digest=oci.digest_of(b"")),
    "size": lambda layout: layout.manifest["layers"][0].update(size=1),
    "descriptor.md: digest": lambda layout: layout.manifest["layers"][0].update(digest="SHA256:1"),
}


@case("2.3")
def check_of_the_image_spec_finds_what_is_wrong(stage):
    """Else the cases above would say nothing."""
    source = small_layout(stage)
    image_spec.expect_valid(source)
    for number, (problem, spoil) in enumerate(WRONG.items()):
        layout = Layout(source, stage.directory / f"wrong-{number}")
        spoil(layout)
        layout.write()
        found = image_spec.LayoutCheck(layout.directory).problems()
        contains("problems", "\n".join(found), problem)
