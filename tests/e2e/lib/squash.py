# SPDX-License-Identifier: Apache-2.0
"""laminactl squash, and what there is to see of its results."""
import json

from lib import oci
from lib.expect import equal
from lib.process import run


def squash(stage, image, *options):
    """The report of laminactl, whose command line says where the result goes."""
    scratch = stage.directory / "scratch"
    scratch.mkdir(exist_ok=True)
    store = ["--address", stage.containerd.directory / "sock", "--namespace",
             stage.containerd.namespace] if stage.containerd else []
    report = json.loads(run(stage.laminactl, "squash", image, "--json", "--tmp-dir", scratch,
                            *store, *options))
    equal("left in the scratch folder", list(scratch.iterdir()), [])
    return report


def squash_image(stage, image, *options):
    """The same of the one image that there is."""
    (report,) = squash(stage, image, *options)["images"]
    return report


def document(layout, descriptor):
    return json.loads(blob(layout, descriptor).read_text())


def blob(layout, descriptor):
    return layout / "blobs" / descriptor["digest"].replace(":", "/")


def images(layout):
    """The descriptors in its index.json by their names."""
    index = json.loads((layout / "index.json").read_text())
    return {descriptor["annotations"][oci.REF_NAME]: descriptor
            for descriptor in index["manifests"]}


def layers(layout, name):
    """Descriptors, base first."""
    return document(layout, images(layout)[name])["layers"]


def transfer(descriptors):
    return sum(descriptor["size"] for descriptor in descriptors)
