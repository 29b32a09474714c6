# SPDX-License-Identifier: Apache-2.0
"""Images as people squash them, of Debian packages. Each case prints what becomes of the sizes."""
import os

from lib import image, image_spec, oci
from lib.build import Build, dpkg_status, write_images
from lib.cache import peer_program
from lib.container import run_once
from lib.debs import deb
from lib.expect import close, contains, equal
from lib.registration import case
from lib.squash import document, images, layers, squash, squash_image, transfer

BASE = ["base-files", "busybox-static", "tzdata", "libc6", "libtinfo6", "bash"]
PERL = ["perl-base", "libcrypt1"]
TOOLKIT = "perl-modules-5.36"
PROGRAM = "use Text::Wrap; print wrap(qq(), qq(), qq(wrapped by perl\n))"  # a module of the toolkit


def debian(directory):
    build = Build(directory)
    with build.layer("ADD rootfs.tar.xz /") as out:
        image.base(out)
        for name in BASE[3:]:
            out.package(name, without=image.MANUALS)
        dpkg_status(out, BASE)
    build.row('CMD ["/bin/bash"]')
    return build


def install_perl(out):
    """The last one is an upgrade."""
    for name in (*PERL, "tzdata"):
        out.package(name, without=image.MANUALS)


def install_toolkit(out):
    out.package(TOOLKIT, without=image.MANUALS)


def step_by_step(directory, base):
    """Downloads, unpacks, installs and tidies up in one layer each."""
    build = Build(directory, base)
    with build.layer("RUN apt-get install perl-base") as out:
        install_perl(out)
        dpkg_status(out, [*BASE, *PERL])
    with build.layer("RUN curl -o /tmp/toolkit.deb") as out:
        out.file("tmp/toolkit.deb", deb(TOOLKIT).read_bytes())
    with build.layer("RUN dpkg-deb -x /tmp/toolkit.deb /tmp/toolkit && cp -a") as out:
        out.package(TOOLKIT, into="tmp/toolkit")
        install_toolkit(out)
        dpkg_status(out, [*BASE, *PERL, TOOLKIT])
    with build.layer("RUN rm -rf /tmp/toolkit.deb /tmp/toolkit") as out:
        out.whiteout("tmp/toolkit.deb")
        out.whiteout("tmp/toolkit")
    return build


def all_in_one(directory, base):
    """What `RUN ... && rm -rf` makes of the same."""
    build = Build(directory, base)
    with build.layer("RUN apt-get install perl-base && curl && dpkg-deb -x && rm -rf") as out:
        install_perl(out)
        install_toolkit(out)
        dpkg_status(out, [*BASE, *PERL, TOOLKIT])
    return build


def build_all(stage):
    """The layout with both, and the Build of the former."""
    base = debian(stage.directory / "base")
    steps = step_by_step(stage.directory / "steps", base)
    write_images(stage.directory / "layout",
                 {"steps": steps, "one": all_in_one(stage.directory / "one", base)})
    return stage.directory / "layout", steps


def say(what, size):
    print(f"{what:40} {size / 1e6:8.2f} MB", flush=True)


@case("2.3")
def what_a_later_layer_deletes_is_shipped_no_more(stage):
    layout, steps = build_all(stage)
    before = files_of(layout)
    above, whole = (squashed(stage, layout, from_layer) for from_layer in ("auto", "all"))
    chained = transfer(layers(layout, "one"))
    for what, size in (("as built", above["blob_bytes"]["before"]), ("built in one RUN", chained),
                       ("squashed above the base", after(above)), ("squashed whole", after(whole))):
        say(what, size)
    close("squashed and built in one RUN", after(above), chained, percent=1)
    assert after(whole) < after(above), "the base's own duplicates are left"
    equal("base layers", layers(stage.directory / "auto", "auto")[:1], layers(layout, "steps")[:1])
    equal("whiteouts for what the base never had", above["whiteouts"], 0)
    expect_saved(stage, steps, above)
    expect_dry_run_tells(stage, f"{layout}:steps", above)
    equal("files of the source", files_of(layout), before)


def squashed(stage, layout, from_layer):
    """The report; the result is a layout named by `from_layer`."""
    result = stage.directory / from_layer
    report = squash_image(stage, f"{layout}:steps", "--tag", f"app:{from_layer}", "--from-layer",
                          from_layer, "--output-path", result)
    image_spec.expect_valid(result)
    equal("size", after(report), transfer(layers(result, from_layer)))
    return report


def after(report):
    return report["blob_bytes"]["after"]


def files_of(layout):
    return {path.relative_to(layout): oci.digest_of(path.read_bytes())
            for path in layout.rglob("*") if path.is_file()}


def expect_saved(stage, steps, report):
    """At least the download and what was unpacked of it, both as they are in a tar."""
    saved = sum(tar.stat().st_size for tar in steps.tars[1:]) - report["new_layer_bytes"]
    toolkit = Build(stage.directory / "toolkit")
    with toolkit.layer(TOOLKIT) as out:
        out.package(TOOLKIT)
    deleted = deb(TOOLKIT).stat().st_size + toolkit.tars[0].stat().st_size
    say("deleted by the last layer, plain", deleted)
    say("saved, plain", saved)
    assert saved >= deleted, f"{deleted} bytes were deleted, {saved} saved"


def expect_dry_run_tells(stage, source, report):
    foretold = squash_image(stage, source, "--dry-run")
    say("estimated by --dry-run", after(foretold))
    for figure in ("new_layer_bytes", "entries", "whiteouts", "base_layers", "layers"):
        equal(f"{figure} of a dry run", foretold[figure], report[figure])


@case("2.3")
def squashed_image_and_its_source_both_run(stage):
    layout, _ = build_all(stage)
    squash(stage, f"{layout}:steps", "--tag", "app:squashed", "--output-path",
           stage.directory / "squashed")
    stage.start()
    squashed = stage.directory / "squashed"
    for directory, name, new_layers in ((layout, "steps", 5), (squashed, "squashed", 1)):
        before = len(stage.lamina.unpacked())
        reference = stage.registry.push(f"{directory}:{name}", f"app:{name}")
        stage.containerd.pull(reference, "lamina")
        equal("layers unpacked", len(stage.lamina.unpacked()) - before, new_layers)
        contains("output", run_once(stage.containerd, reference, "lamina", "/usr/bin/perl", "-e",
                                    PROGRAM), "wrapped by perl\n")


@case("2.3")
def file_of_which_only_the_mode_changes_is_shipped_once(stage):
    program = peer_program("registry", "docker-registry").read_bytes()
    base = debian(stage.directory / "base")
    builds = {}
    for name, mode in (("add-then-chmod", 0o644), ("add-with-chmod", 0o755)):
        builds[name] = Build(stage.directory / name, base)
        with builds[name].layer("ADD registry /usr/bin/registry") as out:
            out.file("usr/bin/registry", program, mode=mode)
    with builds["add-then-chmod"].layer("RUN chmod +x /usr/bin/registry") as out:
        out.file("usr/bin/registry", program, mode=0o755)
    layout, result = stage.directory / "layout", stage.directory / "result"
    write_images(layout, builds)
    report = squash_image(stage, f"{layout}:add-then-chmod", "--tag", "app:squashed",
                          "--output-path", result)
    rewritten = layers(layout, "add-then-chmod")[-1]["size"]
    at_once = transfer(layers(layout, "add-with-chmod"))
    for what, size in (("ADD, then chmod", report["blob_bytes"]["before"]),
                       ("the same squashed", after(report)), ("ADD --chmod", at_once),
                       ("the layer of chmod", rewritten)):
        say(what, size)
    close("saved", report["blob_bytes"]["before"] - after(report), rewritten, percent=1)
    close("squashed, and built with ADD --chmod", after(report), at_once, percent=1)
    equal("entries: the file and the folders above it", report["entries"], 3)


PLATFORMS = [{"architecture": architecture, **({"variant": variant} if variant else {})}
             for architecture, variant in (
                 ("386", None), ("amd64", None), ("arm", "v6"), ("arm", "v7"), ("arm64", "v8"),
                 ("ppc64le", None), ("s390x", None))]


def platform_build(directory, platform):
    build, name = Build(directory), "/".join(platform.values())
    with build.layer("ADD rootfs.tar.xz /") as out:
        out.package("tzdata")
        out.file("etc/platform", name.encode())
    build.row('CMD ["/bin/bash"]')
    with build.layer("COPY app /srv") as out:
        out.package("base-files", into="srv/app")
        out.file("srv/app/platform", name.encode() * 1000)
    with build.layer("RUN rm") as out:
        out.whiteout("srv/app/usr")
        out.whiteout("usr/share/zoneinfo/Europe")
    return build


def attestation(blobs, manifest_of_image):
    """As BuildKit puts one beside each image."""
    layer = blobs.add("application/vnd.in-toto+json", b'{"_type": "statement"}')
    config = {"architecture": "unknown", "os": "unknown",
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    manifest_of_it = blobs.document("manifest", {
        "config": blobs.add(image_spec.CONFIG, oci.as_json(config)), "layers": [layer]})
    return {**manifest_of_it, "platform": {"architecture": "unknown", "os": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                            "vnd.docker.reference.digest": manifest_of_image["digest"]}}


def write_index(stage, layout):
    blobs, manifests = oci.Blobs(layout, "gzip"), []
    for number, platform in enumerate(PLATFORMS):
        build = platform_build(stage.directory / f"platform-{number}", platform)
        manifests.append({**build.write(blobs, **platform),
                          "platform": {"os": "linux", **platform}})
    attestations = [attestation(blobs, manifest) for manifest in manifests]
    index = blobs.index(manifests + attestations)
    oci.finish_layout(layout, [{**index, "annotations": {oci.REF_NAME: "multi"}}])


@case("2.3")
def index_of_seven_platforms_is_squashed_the_same_each_time(stage):
    layout = stage.directory / "layout"
    write_index(stage, layout)
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    reports, results = [], [stage.directory / name for name in ("first", "second")]
    for result in results:
        reports.append(squash(stage, f"{layout}:multi", "--platform", "all", "--tag",
                              "app:squashed", "--output-path", result))
    equal("digests", reports[1]["digest"], reports[0]["digest"])
    equal("files", *map(files_of, results))
    image_spec.expect_valid(results[0])
    platforms = [{"os": "linux", **platform} for platform in PLATFORMS]
    squashed = document(results[0], images(results[0])["squashed"])["manifests"]
    equal("platforms", [descriptor["platform"] for descriptor in squashed], platforms)
    source = document(layout, images(layout)["multi"])["manifests"]
    for report, descriptor, from_descriptor in zip(reports[0]["images"], squashed, source):
        equal("layers", report["layers"], {"before": 3, "after": 2})
        equal("base", document(results[0], descriptor)["layers"][0],
              document(layout, from_descriptor)["layers"][0])
        for size in ("before", "after"):
            say(f"{report['platform']} {size}", report["blob_bytes"][size])
